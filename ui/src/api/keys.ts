// Query keys: the first word is the resource, so that one event can refresh all of it.
import type { CommandFilter, SessionFilter } from './endpoints';
import type { AuditFilter } from './operation';
import type { QuotaOwner, UserFilter } from './people';

export const keys = {
  me: ['me'] as const,
  methods: ['methods'] as const,
  version: ['version'] as const,
  templates: ['templates'] as const,
  template: (name: string) => ['templates', 'one', name] as const,
  // Not below `templates`: news of others must not take away what is being edited.
  templateFile: (name: string) => ['template-file', name] as const,
  sessions: ['sessions'] as const,
  sessionList: (filter: SessionFilter) => ['sessions', 'list', filter] as const,
  session: (name: string) => ['session', name] as const,
  shares: (session: string) => ['shares', session] as const,
  shared: (token: string) => ['shared', token] as const,
  logs: (name: string) => ['logs', name] as const,
  agents: ['agents'] as const,
  agentTokens: ['agent-tokens'] as const,
  commands: ['commands'] as const,
  commandList: (filter: CommandFilter) => ['commands', 'list', filter] as const,
  dashboard: ['dashboard'] as const,
  logins: ['logins'] as const,
  apiKeys: ['api-keys'] as const,
  apiKeysOf: (user: string | undefined) => ['api-keys', user ?? ''] as const,
  users: ['users'] as const,
  userList: (filter: UserFilter) => ['users', 'list', filter] as const,
  user: (username: string) => ['users', 'one', username] as const,
  groups: ['groups'] as const,
  groupList: (search: string | undefined) => ['groups', 'list', search ?? ''] as const,
  group: (name: string) => ['groups', 'one', name] as const,
  members: (group: string) => ['groups', 'members', group] as const,
  quotas: ['quotas'] as const,
  quota: (owner: QuotaOwner) => ['quotas', owner.kind, owner.name] as const,
  audit: ['audit'] as const,
  auditList: (filter: AuditFilter) => ['audit', 'list', filter] as const,
  settings: ['settings'] as const,
};
