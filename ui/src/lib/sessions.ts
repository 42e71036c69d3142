// What a session's state means to the page.
import type { Session, SessionState } from '@/api/types';
import { parseTime } from './duration';

const STARTING: ReadonlySet<SessionState> = new Set(['pending', 'starting', 'waking']);
const OVER: ReadonlySet<SessionState> = new Set(['terminating', 'terminated', 'failed']);

/** Whether the caller may do what its owner may; not so for those whom it is shared with. */
export const isOwned = (session: Pick<Session, 'access'>) => session.access !== 'view' && session.access !== 'control';
export const isStarting = (state: SessionState) => STARTING.has(state);
export const isOver = (state: SessionState) => OVER.has(state);
export const isPaused = (state: SessionState) => state === 'hibernating' || state === 'hibernated';
/** One that can be opened: shown in "jump back in". */
export const isOpenable = (state: SessionState) => state === 'running' || isStarting(state);
export const canEnd = (state: SessionState) => !OVER.has(state);

export const stateLabel: Record<SessionState, string> = {
  pending: 'Waiting',
  starting: 'Starting',
  running: 'Running',
  hibernating: 'Pausing',
  hibernated: 'Paused',
  waking: 'Resuming',
  terminating: 'Ending',
  terminated: 'Ended',
  failed: 'Failed',
};

export const stateColor: Record<SessionState, string> = {
  pending: 'gray',
  starting: 'tide',
  running: 'green',
  hibernating: 'violet',
  hibernated: 'violet',
  waking: 'tide',
  terminating: 'orange',
  terminated: 'gray',
  failed: 'red',
};

/** How long a failure stays among what is going on, so that nobody misses it. */
const FAILURE_SHOWN_MS = 3_600_000;

/** Whether a session belongs to what is going on, and not to history. */
export function isCurrent(session: Pick<Session, 'state' | 'stateSince' | 'createdAt'>, now: number): boolean {
  if (session.state !== 'failed') return session.state !== 'terminated';
  const since = parseTime(session.stateSince) ?? parseTime(session.createdAt);
  return since === undefined || now - since < FAILURE_SHOWN_MS;
}

/** The last part of a session's name: enough to tell two of one template apart. */
export function shortId(session: Pick<Session, 'name'>): string {
  return session.name.slice(session.name.lastIndexOf('-') + 1);
}
