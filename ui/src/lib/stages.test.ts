import { describe, expect, it } from 'vitest';
import type { Session } from '@/api/types';
import { nothingSeen, see, stageText, steps } from './stages';

const T0 = Date.parse('2026-01-01T12:00:00Z');
const at = (ms: number) => new Date(T0 + ms).toISOString();

function session(state: Session['state'], since: number, more: Partial<Session> = {}): Session {
  return { name: 's', user: 'ada', template: 'terminal', state, createdAt: at(0), stateSince: at(since), agentId: 'local', ...more };
}

describe('steps', () => {
  it('follows a session from the click to its screen', () => {
    let seen = see(nothingSeen, session('pending', 0), T0);
    let now = steps(seen, session('pending', 0), T0 + 400);
    expect(now.map((s) => s.state)).toEqual(['active', 'waiting', 'waiting']);
    expect(now[0]).toMatchObject({ label: 'Queued for local', elapsed: 400 });

    const starting = session('starting', 500, { status: { message: 'Starting the display' } });
    seen = see(seen, starting, T0 + 500);
    now = steps(seen, starting, T0 + 800);
    expect(now.map((s) => s.state)).toEqual(['done', 'active', 'waiting']);
    expect(now[0]?.elapsed).toBe(500);
    expect(now[1]).toMatchObject({ elapsed: 300, detail: 'Starting the display' });

    const running = session('running', 900);
    seen = see(seen, running, T0 + 900);
    now = steps(seen, running, T0 + 1000);
    expect(now.map((s) => s.state)).toEqual(['done', 'done', 'active']);
    expect(now[1]?.elapsed).toBe(400);
    expect(now[2]?.elapsed).toBe(100);
  });

  it('knows only what the session tells when the page came late', () => {
    const running = session('running', 5_000);
    const now = steps(see(nothingSeen, running, T0 + 6_000), running, T0 + 6_000);
    expect(now[0]?.elapsed).toBe(5_000);
    expect(now[1]?.elapsed).toBeUndefined();
  });

  it('says that the machine is away', () => {
    const pending = session('pending', 0, { agentOnline: false });
    expect(steps(see(nothingSeen, pending, T0), pending, T0)[0]?.detail).toContain('not connected');
  });

  it('has words of its own for waking', () => {
    const waking = session('waking', 0);
    const now = steps(see(nothingSeen, waking, T0), waking, T0 + 100);
    expect(now.map((s) => s.id)).toEqual(['waking', 'connecting']);
  });
});

describe('see', () => {
  it('gives the same object back when nothing is new', () => {
    const pending = session('pending', 0);
    const seen = see(nothingSeen, pending, T0);
    expect(see(seen, pending, T0 + 1000)).toBe(seen);
  });

  it('collects the messages of the start, each once and not without end', () => {
    let seen = nothingSeen;
    for (let i = 0; i < 40; i += 1) {
      const s = session('starting', 0, { status: { message: `step ${Math.floor(i / 2)}` } });
      seen = see(seen, s, T0 + i);
    }
    expect(seen.messages).toHaveLength(12);
    expect(seen.messages.at(-1)?.text).toBe('step 19');
  });

  it('never lets a clock that is off make a state older than the session', () => {
    expect(see(nothingSeen, session('starting', -50_000), T0).states.starting).toBe(T0);
  });
});

describe('stageText', () => {
  it('prefers the stage’s word', () => {
    expect(stageText(session('starting', 0, { stage: 'display', status: { message: 'x' } }))).toBe('Starting the display');
    expect(stageText(session('starting', 0, { stage: 'warming_up' }))).toBe('Warming up');
    expect(stageText(session('starting', 0, { status: { message: 'Pulling' } }))).toBe('Pulling');
    expect(stageText(session('starting', 0))).toBeUndefined();
  });
});
