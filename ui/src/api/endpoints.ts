// Every route the page uses, typed. Nothing else in the page knows a path.
import { randomId } from '@/lib/random';
import { request } from './http';
import type { Agent, Command, CreateSession, Page, Session, Template, Ticket, User } from './types';

/** The server's limit for one page of a list. */
const PAGE_LIMIT = 200;

interface ListAnswer {
  total?: number;
  nextCursor?: string | null;
}

function page<T>(items: T[] | undefined, answer: ListAnswer): Page<T> {
  const list = items ?? [];
  return { items: list, total: answer.total ?? list.length, nextCursor: answer.nextCursor ?? null };
}

const at = (name: string) => encodeURIComponent(name);

export async function login(username: string, password: string): Promise<User> {
  // The answer's tokens are for programs; the page lives by its cookie.
  const answer = await request<{ user: User }>('POST', '/auth/login', { body: { username, password } });
  return answer.user;
}

export const logout = () => request<void>('POST', '/auth/logout');

export async function me(signal?: AbortSignal): Promise<User> {
  const answer = await request<User | { user: User }>('GET', '/auth/me', { signal });
  return 'user' in answer ? answer.user : answer;
}

export async function listTemplates(signal?: AbortSignal): Promise<Template[]> {
  const answer = await request<{ templates: Template[] }>('GET', '/templates', {
    query: { limit: PAGE_LIMIT },
    signal,
  });
  return answer.templates ?? [];
}

export interface SessionFilter {
  user?: string;
  state?: string;
}

export async function listSessions(filter: SessionFilter, cursor?: string, signal?: AbortSignal): Promise<Page<Session>> {
  const answer = await request<ListAnswer & { sessions: Session[] }>('GET', '/sessions', {
    query: { ...filter, limit: PAGE_LIMIT, cursor },
    signal,
  });
  return page(answer.sessions, answer);
}

export const getSession = (name: string, signal?: AbortSignal) =>
  request<Session>('GET', `/sessions/${at(name)}`, { signal });

export const createSession = (body: CreateSession) =>
  request<Session>('POST', '/sessions', { body, headers: { 'Idempotency-Key': randomId() } });

export const endSession = (name: string) =>
  request<{ name: string; commandId: string; message: string }>('DELETE', `/sessions/${at(name)}`);

export const sessionLogs = (name: string, signal?: AbortSignal) =>
  request<string>('GET', `/sessions/${at(name)}/logs`, { as: 'text', signal });

export const createTicket = (name: string, signal?: AbortSignal) =>
  request<Ticket>('POST', `/sessions/${at(name)}/tickets`, { body: { mode: 'control' }, signal });

export async function listAgents(signal?: AbortSignal): Promise<Page<Agent>> {
  const answer = await request<ListAnswer & { agents: Agent[] }>('GET', '/agents', {
    query: { limit: PAGE_LIMIT },
    signal,
  });
  return page(answer.agents, answer);
}

export interface CommandFilter {
  agent?: string;
  session?: string;
  status?: string;
}

export async function listCommands(filter: CommandFilter, cursor?: string, signal?: AbortSignal): Promise<Page<Command>> {
  const answer = await request<ListAnswer & { commands: Command[] }>('GET', '/commands', {
    query: { ...filter, limit: 50, cursor },
    signal,
  });
  return page(answer.commands, answer);
}

export const version = (signal?: AbortSignal) => request<{ version: string }>('GET', '/version', { signal });
