// The way of a session to its first picture, as a list of steps with times.
import type { Session, SessionState } from '@/api/types';
import { parseTime } from './duration';

export interface Seen {
  /** When each state was entered, as far as known (milliseconds). */
  states: Partial<Record<SessionState, number>>;
  /** What the server said while the state was `starting`, in order. */
  messages: { text: string; at: number }[];
}

export const nothingSeen: Seen = { states: {}, messages: [] };

/** More messages than this are no progress but noise; the oldest go. */
const MAX_MESSAGES = 12;

/** Adds what a session's newest form tells; the same object when it tells nothing new. */
export function see(seen: Seen, session: Session, now: number): Seen {
  const since = parseTime(session.stateSince) ?? now;
  const created = parseTime(session.createdAt) ?? since;
  let next = seen;
  if (next.states.pending === undefined && session.state !== 'waking') {
    next = { ...next, states: { ...next.states, pending: created } };
  }
  if (next.states[session.state] === undefined) {
    next = { ...next, states: { ...next.states, [session.state]: Math.max(since, created) } };
  }
  const text = stageText(session);
  const last = next.messages[next.messages.length - 1];
  if (session.state === 'starting' && text && last?.text !== text) {
    const at = last ? now : Math.min(now, next.states.starting ?? now);
    next = { ...next, messages: [...next.messages, { text, at }].slice(-MAX_MESSAGES) };
  }
  return next;
}

const STAGE_WORDS: Record<string, string> = {
  sandbox: 'Preparing a private sandbox',
  home: 'Preparing the home directory',
  network: 'Setting up the network',
  display: 'Starting the display',
  window_manager: 'Starting the window manager',
  application: 'Starting the application',
  app: 'Starting the application',
  image: 'Fetching the image',
};

export function stageText(session: Session): string | undefined {
  const stage = session.stage?.trim();
  if (stage) return STAGE_WORDS[stage] ?? stage.replace(/_/g, ' ').replace(/^./, (c) => c.toUpperCase());
  return session.status?.message?.trim() || undefined;
}

export type StepState = 'done' | 'active' | 'waiting';

export interface Step {
  id: string;
  label: string;
  state: StepState;
  /** How long the step took, or has taken so far. */
  elapsed?: number;
  detail?: string;
}

/** The steps as they stand. `connecting` is the page's own last step. */
export function steps(seen: Seen, session: Session, now: number): Step[] {
  if (session.state === 'waking' || seen.states.waking !== undefined) return wakeSteps(seen, session, now);
  const { pending, starting, running } = seen.states;
  const queued: Step = {
    id: 'queued',
    label: session.agentId ? `Queued for ${session.agentId}` : 'Finding a machine',
    state: session.state === 'pending' ? 'active' : 'done',
    elapsed: span(pending, starting ?? running ?? now),
    detail: session.state === 'pending' ? pendingDetail(session) : undefined,
  };
  const start: Step = {
    id: 'starting',
    label: 'Starting the application',
    state: session.state === 'starting' ? 'active' : session.state === 'pending' ? 'waiting' : 'done',
    elapsed: starting === undefined ? undefined : span(starting, running ?? now),
    detail: session.state === 'starting' ? stageText(session) : undefined,
  };
  return [queued, start, connectStep(session, running, now)];
}

function wakeSteps(seen: Seen, session: Session, now: number): Step[] {
  const { waking, running } = seen.states;
  const wake: Step = {
    id: 'waking',
    label: 'Resuming the application',
    state: session.state === 'waking' ? 'active' : 'done',
    elapsed: span(waking, running ?? now),
  };
  return [wake, connectStep(session, running, now)];
}

function connectStep(session: Session, running: number | undefined, now: number): Step {
  const active = session.state === 'running';
  return {
    id: 'connecting',
    label: 'Connecting to the screen',
    state: active ? 'active' : 'waiting',
    elapsed: active ? span(running, now) : undefined,
  };
}

function pendingDetail(session: Session): string | undefined {
  if (session.agentOnline === false && session.agentId) {
    return `${session.agentId} is not connected just now. The session starts as soon as it is back.`;
  }
  return undefined;
}

function span(from: number | undefined, to: number): number | undefined {
  return from === undefined ? undefined : Math.max(0, to - from);
}
