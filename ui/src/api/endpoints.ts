// Routes of sessions, templates, agents and commands, typed; account.ts, people.ts and operation.ts
// have the others. Nothing else in the page knows a path.
import { randomId } from '@/lib/random';
import { request } from './http';
import { at, page, PAGE_LIMIT, type ListAnswer } from './list';
import type { Agent, Command, CreateSession, Page, Session, Template, Ticket } from './types';

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
  /** "true": what others have shared with the caller. */
  shared?: string;
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
  request<Ticket>('POST', `/sessions/${at(name)}/tickets`, { body: {}, signal });

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
