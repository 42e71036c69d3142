// Users, groups and quotas.
import { request } from './http';
import { at, page, PAGE_LIMIT, type ListAnswer } from './list';
import type { Page, Role, User } from './types';

export interface UserFilter {
  search?: string;
  role?: string;
  /** "true" or "false". */
  active?: string;
}

export interface NewUser {
  username: string;
  password: string;
  email?: string;
  fullName?: string;
  role?: Role;
}

export interface UserChange {
  email?: string | null;
  fullName?: string | null;
  role?: Role;
  active?: boolean;
  password?: string;
}

export interface Group {
  name: string;
  displayName?: string | null;
  description?: string | null;
  memberCount?: number;
  createdAt?: string;
  updatedAt?: string | null;
}

export interface GroupChange {
  displayName?: string;
  description?: string;
}

export type MemberRole = 'member' | 'manager';

export interface Member {
  username: string;
  fullName?: string | null;
  role: MemberRole;
  since?: string | null;
}

/** Null stands for no limit. */
export interface QuotaLimits {
  maxSessions: number | null;
  maxCpu: string | null;
  maxMemory: string | null;
  maxStorage: string | null;
}

export interface Quota extends QuotaLimits {
  used: { sessions: number; cpu: string; memory: string; storage: string };
}

/** Whose quota: a user's or a group's. */
export interface QuotaOwner {
  kind: 'user' | 'group';
  name: string;
}

export async function listUsers(filter: UserFilter, cursor?: string, signal?: AbortSignal): Promise<Page<User>> {
  const answer = await request<ListAnswer & { users: User[] }>('GET', '/users', {
    query: { ...filter, limit: 50, cursor },
    signal,
  });
  return page(answer.users, answer);
}

export const getUser = (username: string, signal?: AbortSignal) => request<User>('GET', `/users/${at(username)}`, { signal });

export const createUser = (body: NewUser) => request<User>('POST', '/users', { body });

export const updateUser = (username: string, body: UserChange) => request<User>('PATCH', `/users/${at(username)}`, { body });

export const deleteUser = (username: string) => request<void>('DELETE', `/users/${at(username)}`);

export const resetMfa = (username: string) => request<void>('DELETE', `/users/${at(username)}/mfa`);

export const endLogins = (username: string) => request<void>('DELETE', `/users/${at(username)}/logins`);

export async function listGroups(search?: string, signal?: AbortSignal): Promise<Page<Group>> {
  const answer = await request<ListAnswer & { groups: Group[] }>('GET', '/groups', {
    query: { search, limit: PAGE_LIMIT },
    signal,
  });
  return page(answer.groups, answer);
}

export const getGroup = (name: string, signal?: AbortSignal) => request<Group>('GET', `/groups/${at(name)}`, { signal });

export const createGroup = (body: { name: string } & GroupChange) => request<Group>('POST', '/groups', { body });

export const updateGroup = (name: string, body: GroupChange) => request<Group>('PATCH', `/groups/${at(name)}`, { body });

export const deleteGroup = (name: string) => request<void>('DELETE', `/groups/${at(name)}`);

export async function listMembers(group: string, signal?: AbortSignal): Promise<Page<Member>> {
  const answer = await request<ListAnswer & { members: Member[] }>('GET', `/groups/${at(group)}/members`, {
    query: { limit: PAGE_LIMIT },
    signal,
  });
  return page(answer.members, answer);
}

export const addMember = (group: string, username: string, role: MemberRole = 'member') =>
  request<Member>('POST', `/groups/${at(group)}/members`, { body: { username, role } });

export const updateMember = (group: string, username: string, role: MemberRole) =>
  request<Member>('PATCH', `/groups/${at(group)}/members/${at(username)}`, { body: { role } });

export const removeMember = (group: string, username: string) =>
  request<void>('DELETE', `/groups/${at(group)}/members/${at(username)}`);

const quotaPath = ({ kind, name }: QuotaOwner) => `/${kind}s/${at(name)}/quota`;

export const getQuota = (owner: QuotaOwner, signal?: AbortSignal) => request<Quota>('GET', quotaPath(owner), { signal });

export const setQuota = (owner: QuotaOwner, limits: QuotaLimits) => request<Quota>('PUT', quotaPath(owner), { body: limits });

export const clearQuota = (owner: QuotaOwner) => request<void>('DELETE', quotaPath(owner));
