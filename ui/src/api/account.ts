// Signing in, and what belongs to oneself: profile, password, TOTP, browsers, API keys.
import { request } from './http';
import { at, page, PAGE_LIMIT, type ListAnswer } from './list';
import type { Page, User } from './types';

/** What the sign-in page may offer. */
export interface SignInMethods {
  password: boolean;
  oidc: { name: string; url: string } | null;
  setup: boolean;
}

export interface Login {
  id: string | number;
  address?: string | null;
  userAgent?: string | null;
  createdAt: string;
  usedAt?: string | null;
  current: boolean;
}

export interface ApiKey {
  id: string | number;
  name: string;
  /** Its first characters, to tell keys apart. */
  prefix: string;
  scopes: string[];
  createdAt: string;
  expiresAt?: string | null;
  lastUsedAt?: string | null;
}

export interface NewApiKey {
  name: string;
  scopes?: string[];
  expiresAt?: string;
}

export interface Setup {
  token: string;
  password: string;
  username?: string;
  email?: string;
  fullName?: string;
}

export const signInMethods = (signal?: AbortSignal) => request<SignInMethods>('GET', '/auth/methods', { signal });

export async function login(username: string, password: string, otp?: string): Promise<User> {
  // The answer's tokens are for programs; the page lives by its cookie.
  const answer = await request<{ user: User }>('POST', '/auth/login', { body: { username, password, otp } });
  return answer.user;
}

export const logout = () => request<void>('POST', '/auth/logout');

export async function me(signal?: AbortSignal): Promise<User> {
  const answer = await request<User | { user: User }>('GET', '/auth/me', { signal });
  return 'user' in answer ? answer.user : answer;
}

export const setupNeeded = (signal?: AbortSignal) => request<{ needed: boolean }>('GET', '/auth/setup', { signal });

export async function setUp(body: Setup): Promise<User> {
  const answer = await request<{ user: User }>('POST', '/auth/setup', { body });
  return answer.user;
}

export const updateMe = (body: { email?: string | null; fullName?: string | null }) => request<User>('PATCH', '/users/me', { body });

export const changePassword = (currentPassword: string, newPassword: string) =>
  request<void>('POST', '/auth/change-password', { body: { currentPassword, newPassword } });

export const startTotp = (password: string) =>
  request<{ secret: string; uri: string }>('POST', '/auth/mfa/totp', { body: { password } });

export const verifyTotp = (otp: string) => request<{ backupCodes: string[] }>('POST', '/auth/mfa/totp/verify', { body: { otp } });

export const endTotp = (otp: string) => request<void>('DELETE', '/auth/mfa/totp', { body: { otp } });

export const newBackupCodes = (otp: string) => request<{ backupCodes: string[] }>('POST', '/auth/mfa/backup-codes', { body: { otp } });

export async function listLogins(signal?: AbortSignal): Promise<Login[]> {
  const answer = await request<{ logins: Login[] }>('GET', '/auth/logins', { signal });
  return answer.logins ?? [];
}

export const endLogin = (id: string | number) => request<void>('DELETE', `/auth/logins/${at(id)}`);

export async function listApiKeys(user?: string, signal?: AbortSignal): Promise<Page<ApiKey>> {
  const answer = await request<ListAnswer & { apiKeys?: ApiKey[]; keys?: ApiKey[] }>('GET', '/api-keys', {
    query: { user, limit: PAGE_LIMIT },
    signal,
  });
  return page(answer.apiKeys ?? answer.keys, answer);
}

export const createApiKey = (body: NewApiKey) => request<ApiKey & { key: string }>('POST', '/api-keys', { body });

export const deleteApiKey = (id: string | number) => request<void>('DELETE', `/api-keys/${at(id)}`);
