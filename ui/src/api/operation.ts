// What operators and administrators look after: figures, agents, audit log, settings.
import { buildUrl, request } from './http';
import { at, page, PAGE_LIMIT, type ListAnswer } from './list';
import type { Agent, Page, Session, SessionState } from './types';

export interface Dashboard {
  sessions: Partial<Record<SessionState, number>>;
  agents: { total: number; online: number };
  commands: Record<string, number>;
  streams: number;
  orphans: number;
  stuck: number;
  recentFailures: Session[];
}

export type AuditOutcome = 'allowed' | 'refused' | 'failed';

export interface AuditEntry {
  id: string | number;
  time: string;
  user?: string | null;
  action: string;
  target?: string | null;
  outcome: AuditOutcome;
  address?: string | null;
  requestId?: string | null;
  detail?: unknown;
}

export interface AuditFilter {
  user?: string;
  action?: string;
  target?: string;
  outcome?: string;
  from?: string;
  to?: string;
  search?: string;
}

export type SettingSource = 'flag' | 'variable' | 'file' | 'database' | 'default';
export type SettingType = 'text' | 'integer' | 'boolean' | 'choice' | 'duration' | 'quantity';
export type SettingValue = string | number | boolean | null;

export interface Setting {
  name: string;
  value: SettingValue;
  default?: SettingValue;
  source: SettingSource;
  type: SettingType;
  choices?: string[] | null;
  min?: number | string | null;
  max?: number | string | null;
  description?: string | null;
  group: string;
  editable: boolean;
  restart?: boolean;
  /** A secret: its value is never shown, only whether it has one. */
  set?: boolean;
}

export interface AgentToken {
  id: string | number;
  agentId?: string | null;
  createdBy?: string | null;
  createdAt?: string | null;
  expiresAt?: string | null;
  usedAt?: string | null;
}

export interface NewAgentToken {
  token: string;
  agentId?: string | null;
  expiresAt?: string | null;
}

export const dashboard = (signal?: AbortSignal) => request<Dashboard>('GET', '/dashboard', { signal });

export async function listAudit(filter: AuditFilter, cursor?: string, signal?: AbortSignal): Promise<Page<AuditEntry>> {
  const answer = await request<ListAnswer & { entries: AuditEntry[] }>('GET', '/audit', {
    query: { ...filter, limit: 50, cursor },
    signal,
  });
  return page(answer.entries, answer);
}

/** Where the browser downloads what the filters let through. */
export const auditExportUrl = (filter: AuditFilter, format: 'csv' | 'json') => buildUrl('/audit/export', { ...filter, format });

export async function listSettings(signal?: AbortSignal): Promise<Setting[]> {
  const answer = await request<{ settings: Setting[] }>('GET', '/settings', { signal });
  return answer.settings ?? [];
}

/** Null takes a setting back to its default. */
export async function changeSettings(changes: Record<string, SettingValue>): Promise<Setting[]> {
  const answer = await request<{ settings: Setting[] }>('PATCH', '/settings', { body: changes });
  return answer.settings ?? [];
}

export const updateAgent = (agentId: string, body: { status?: 'draining' | 'online'; labels?: Record<string, string> }) =>
  request<Agent>('PATCH', `/agents/${at(agentId)}`, { body });

export const deleteAgent = (agentId: string, force = false) =>
  request<void>('DELETE', `/agents/${at(agentId)}`, { query: { force: force ? 'true' : undefined } });

export async function listAgentTokens(signal?: AbortSignal): Promise<AgentToken[]> {
  const answer = await request<{ tokens?: AgentToken[]; agentTokens?: AgentToken[] }>('GET', '/admin/agent-tokens', {
    query: { limit: PAGE_LIMIT },
    signal,
  });
  return answer.agentTokens ?? answer.tokens ?? [];
}

export const createAgentToken = (agentId?: string) =>
  request<NewAgentToken>('POST', '/admin/agent-tokens', { body: agentId ? { agentId } : {} });

export const deleteAgentToken = (id: string | number) => request<void>('DELETE', `/admin/agent-tokens/${at(id)}`);
