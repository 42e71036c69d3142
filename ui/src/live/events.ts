// What the server's events do to what the page knows.
import type { InfiniteData, QueryClient } from '@tanstack/react-query';
import { keys } from '@/api/keys';
import { SESSION_STATES, type Page, type Session } from '@/api/types';

export const EVENT_TYPES = ['session', 'agent', 'template', 'command', 'share'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface LiveEvent {
  type: EventType;
  action?: string;
  name?: string;
  fields: Record<string, unknown>;
}

/** Reads one event; undefined for what this page does not understand. */
export function parseEvent(type: string, data: string): LiveEvent | undefined {
  if (!(EVENT_TYPES as readonly string[]).includes(type)) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const fields = parsed as Record<string, unknown>;
  const { action, name } = fields;
  return {
    type: type as EventType,
    action: typeof action === 'string' ? action : undefined,
    name: typeof name === 'string' ? name : undefined,
    fields,
  };
}

/** Shows at once what an event says; the queries it touches are read anew afterwards. */
export function applyEvent(client: QueryClient, event: LiveEvent): void {
  if (event.type !== 'session' || !event.name) return;
  const { name } = event;
  if (event.action === 'removed') {
    client.setQueriesData<InfiniteData<Page<Session>>>({ queryKey: keys.sessions }, (data) => without(data, name));
    return;
  }
  const change = sessionChange(event.fields);
  const merge = (session: Session): Session => ({ ...session, ...change });
  client.setQueryData<Session>(keys.session(name), (session) => session && merge(session));
  client.setQueriesData<InfiniteData<Page<Session>>>({ queryKey: keys.sessions }, (data) => changed(data, name, merge));
}

/** The queries that an event makes stale. */
export function staleKeys(event: LiveEvent): readonly (readonly unknown[])[] {
  switch (event.type) {
    case 'session':
      return event.name ? [keys.sessions, keys.session(event.name)] : [keys.sessions];
    case 'agent':
      return [keys.agents];
    case 'template':
      return [keys.templates];
    case 'command':
      return [keys.commands];
    case 'share':
      return event.name ? [keys.shares(event.name)] : [];
  }
}

/** Only fields of a session, and only a state that is one. */
function sessionChange(fields: Record<string, unknown>): Partial<Session> {
  const change: Partial<Session> = {};
  if ((SESSION_STATES as readonly unknown[]).includes(fields.state)) change.state = fields.state as Session['state'];
  for (const key of ['stateSince', 'reason', 'agentId', 'stage'] as const) {
    if (typeof fields[key] === 'string') change[key] = fields[key];
  }
  if (typeof fields.agentOnline === 'boolean') change.agentOnline = fields.agentOnline;
  if (typeof fields.viewers === 'number') change.viewers = fields.viewers;
  if (typeof fields.status === 'object' && fields.status !== null) change.status = fields.status;
  return change;
}

function without(data: InfiniteData<Page<Session>> | undefined, name: string) {
  return (
    data && {
      ...data,
      pages: data.pages.map((page) => ({ ...page, items: page.items.filter((session) => session.name !== name) })),
    }
  );
}

function changed(data: InfiniteData<Page<Session>> | undefined, name: string, merge: (s: Session) => Session) {
  return (
    data && {
      ...data,
      pages: data.pages.map((page) => ({
        ...page,
        items: page.items.map((session) => (session.name === name ? merge(session) : session)),
      })),
    }
  );
}
