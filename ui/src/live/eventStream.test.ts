import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventStream, type LiveState } from './eventStream';

class FakeSource extends EventTarget {
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  closed = false;

  close() {
    this.closed = true;
  }

  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  fail(readyState: 0 | 2) {
    this.readyState = readyState;
    this.onerror?.();
  }

  say(type: string, data: object) {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }));
  }
}

function setup() {
  const sources: FakeSource[] = [];
  const states: LiveState[] = [];
  const onEvent = vi.fn();
  const onResume = vi.fn();
  const stream = new EventStream({
    onEvent,
    onResume,
    onState: (state) => states.push(state),
    create() {
      const source = new FakeSource();
      sources.push(source);
      return source as unknown as EventSource;
    },
  });
  return { stream, sources, states, onEvent, onResume };
}

function setHidden(hidden: boolean) {
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(hidden);
  document.dispatchEvent(new Event('visibilitychange'));
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('EventStream', () => {
  it('passes events on', () => {
    const { stream, sources, states, onEvent, onResume } = setup();
    stream.start();
    sources[0]?.open();
    sources[0]?.say('session', { action: 'changed', name: 'a', state: 'running' });
    sources[0]?.say('nonsense', { name: 'a' });
    expect(onEvent).toHaveBeenCalledTimes(1);
    expect(states).toEqual(['connecting', 'live']);
    expect(onResume).not.toHaveBeenCalled();
    stream.stop();
    expect(sources[0]?.closed).toBe(true);
  });

  it('says when it is broken, and catches up when the browser has reconnected', () => {
    const { stream, sources, states, onResume } = setup();
    stream.start();
    sources[0]?.open();
    sources[0]?.fail(0);
    expect(states.at(-1)).toBe('broken');
    sources[0]?.open();
    expect(states.at(-1)).toBe('live');
    expect(onResume).toHaveBeenCalledTimes(1);
    stream.stop();
  });

  it('makes a new one where the browser gives up, with growing waits', () => {
    const { stream, sources } = setup();
    vi.spyOn(Math, 'random').mockReturnValue(1);
    stream.start();
    sources[0]?.fail(2);
    vi.advanceTimersByTime(1_000);
    expect(sources).toHaveLength(2);
    sources[1]?.fail(2);
    vi.advanceTimersByTime(1_000);
    expect(sources).toHaveLength(2);
    vi.advanceTimersByTime(1_000);
    expect(sources).toHaveLength(3);
    stream.stop();
    vi.advanceTimersByTime(60_000);
    expect(sources).toHaveLength(3);
  });

  it('rests in a hidden tab and catches up when it is seen again', () => {
    const { stream, sources, states, onResume } = setup();
    stream.start();
    sources[0]?.open();
    setHidden(true);
    vi.advanceTimersByTime(15_000);
    expect(sources[0]?.closed).toBe(true);
    expect(states.at(-1)).toBe('paused');
    setHidden(false);
    sources[1]?.open();
    expect(states.at(-1)).toBe('live');
    expect(onResume).toHaveBeenCalledTimes(1);
    stream.stop();
  });

  it('does not mind a short look elsewhere', () => {
    const { stream, sources } = setup();
    stream.start();
    sources[0]?.open();
    setHidden(true);
    vi.advanceTimersByTime(5_000);
    setHidden(false);
    vi.advanceTimersByTime(60_000);
    expect(sources).toHaveLength(1);
    expect(sources[0]?.closed).toBe(false);
    stream.stop();
  });
});
