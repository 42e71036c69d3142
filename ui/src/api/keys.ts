// Query keys: the first word is the resource, so that one event can refresh all of it.
import type { CommandFilter, SessionFilter } from './endpoints';

export const keys = {
  me: ['me'] as const,
  version: ['version'] as const,
  templates: ['templates'] as const,
  sessions: ['sessions'] as const,
  sessionList: (filter: SessionFilter) => ['sessions', 'list', filter] as const,
  session: (name: string) => ['session', name] as const,
  logs: (name: string) => ['logs', name] as const,
  agents: ['agents'] as const,
  commands: ['commands'] as const,
  commandList: (filter: CommandFilter) => ['commands', 'list', filter] as const,
};
