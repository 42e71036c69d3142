// The stages of a command, with the time that each took.
import type { Command, CommandStatus } from '@/api/types';
import { parseTime } from './duration';

export const commandColor: Record<CommandStatus, string> = {
  pending: 'gray',
  sent: 'tide',
  acknowledged: 'tide',
  completed: 'green',
  failed: 'red',
};

export interface CommandStage {
  id: 'created' | 'sent' | 'acknowledged' | 'finished';
  label: string;
  at?: string;
  /** Milliseconds since the stage before. */
  took?: number;
  failed?: boolean;
}

export function commandStages(command: Command): CommandStage[] {
  const failed = command.status === 'failed';
  const list: CommandStage[] = [
    { id: 'created', label: 'Queued', at: command.createdAt },
    { id: 'sent', label: 'Sent to the agent', at: command.sentAt ?? undefined },
    { id: 'acknowledged', label: 'Acknowledged', at: command.acknowledgedAt ?? undefined },
    {
      id: 'finished',
      label: failed ? 'Failed' : 'Completed',
      at: command.completedAt ?? (failed ? (command.updatedAt ?? undefined) : undefined),
      failed,
    },
  ];
  let before: number | undefined;
  for (const stage of list) {
    const at = parseTime(stage.at);
    if (at !== undefined && before !== undefined) stage.took = Math.max(0, at - before);
    before = at ?? before;
  }
  return list;
}

/** From queued to finished. */
export function commandDuration(command: Command): number | undefined {
  const start = parseTime(command.createdAt);
  const end = parseTime(commandStages(command)[3]?.at);
  return start === undefined || end === undefined ? undefined : Math.max(0, end - start);
}

/** "start_session" → "Start session". */
export function actionLabel(action: string): string {
  const text = action.replace(/_/g, ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
