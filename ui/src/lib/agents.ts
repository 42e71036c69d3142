import type { AgentStatus } from '@/api/types';

export const statusColor: Record<AgentStatus, string> = { online: 'green', degraded: 'yellow', offline: 'red', draining: 'violet' };

/** "disk=ssd" → ["disk", "ssd"]; undefined for what is no label. */
export function parseLabel(text: string): [string, string] | undefined {
  const match = /^([A-Za-z0-9][\w./-]{0,62})=([\w. /:-]{0,253})$/.exec(text.trim());
  return match ? [match[1] ?? '', (match[2] ?? '').trim()] : undefined;
}

export const labelTexts = (labels: Record<string, string> | null | undefined) => Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
