// The shapes that the server answers with. Kept in one place, by resource.
// Fields that a server may leave out or send as null are optional here.

export type Role = 'user' | 'operator' | 'admin';

export const ROLES = ['user', 'operator', 'admin'] as const satisfies readonly Role[];

export interface User {
  username: string;
  role: Role;
  fullName?: string | null;
  email?: string | null;
  active?: boolean;
  mfaEnabled?: boolean;
  groups?: string[];
  createdAt?: string;
  updatedAt?: string | null;
  lastLoginAt?: string | null;
}

export interface Resources {
  cpu?: string;
  memory?: string;
}

export interface Template {
  name: string;
  displayName: string;
  description?: string | null;
  category?: string | null;
  icon?: string | null;
  protocol: 'vnc' | 'http';
  resources?: Resources;
  tags?: string[];
  runtimes?: string[];
  available?: boolean;
  unavailableReason?: string | null;
  /** Why not, as a word: no agent that is there is of its runtime, or a program is missing. */
  unavailableCode?: 'no_runtime' | 'missing_program' | null;
  enabled?: boolean;
  builtin?: boolean;
  overridden?: boolean;
  version?: number;
  updatedAt?: string;
}

export const SESSION_STATES = [
  'pending',
  'starting',
  'running',
  'hibernating',
  'hibernated',
  'waking',
  'terminating',
  'terminated',
  'failed',
] as const;
export type SessionState = (typeof SESSION_STATES)[number];

export interface SessionStatus {
  phase?: string;
  message?: string | null;
  url?: string | null;
}

export interface Session {
  name: string;
  user: string;
  template: string;
  state: SessionState;
  status?: SessionStatus;
  stage?: string | null;
  resources?: Resources;
  persistentHome?: boolean;
  agentId?: string | null;
  agentOnline?: boolean;
  platform?: string | null;
  createdAt: string;
  stateSince?: string | null;
  reason?: string | null;
  tags?: string[];
  viewers?: number;
  /** What the caller may do with it. */
  access?: SessionAccess;
}

export type SessionAccess = 'owner' | 'operator' | 'control' | 'view';

export interface CreateSession {
  template: string;
  resources?: Resources;
  persistentHome?: boolean;
  tags?: string[];
}

export interface Ticket {
  ticket: string;
  url: string;
  /** What the stream is good for; `view` only looks. */
  mode?: 'control' | 'view';
  expiresAt: string;
}

export type AgentStatus = 'online' | 'degraded' | 'offline' | 'draining';

export interface Agent {
  agentId: string;
  platform: string;
  region?: string | null;
  status: AgentStatus;
  capacity?: { maxSessions?: number; cpu?: string | number; memory?: string | number } | null;
  activeSessions: number;
  lastHeartbeat?: string | null;
  replica?: string | null;
  labels?: Record<string, string> | null;
  version?: string | null;
}

export const COMMAND_STATUSES = ['pending', 'sent', 'acknowledged', 'completed', 'failed'] as const;
export type CommandStatus = (typeof COMMAND_STATUSES)[number];

export interface Command {
  commandId: string;
  agentId?: string | null;
  sessionId?: string | null;
  action: string;
  status: CommandStatus;
  errorMessage?: string | null;
  attempts: number;
  createdAt: string;
  updatedAt?: string | null;
  sentAt?: string | null;
  acknowledgedAt?: string | null;
  completedAt?: string | null;
}

export interface Page<T> {
  items: T[];
  total: number;
  nextCursor: string | null;
}

export interface FieldError {
  field: string;
  message: string;
  /** In files: from 1. */
  line?: number;
  column?: number;
}

/** RFC 9457 problem details, with our extensions. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
  fields?: FieldError[];
  requestId?: string;
  limit?: number | string;
  used?: number | string;
  agents?: { agentId: string; reason: string }[];
}
