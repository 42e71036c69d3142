import { QueryClient, type InfiniteData } from '@tanstack/react-query';
import { describe, expect, it, vi } from 'vitest';
import { keys } from '@/api/keys';
import type { Page, Session } from '@/api/types';
import { applyEvent, parseEvent, staleKeys } from './events';
import { Invalidator } from './invalidator';

const session = (name: string, state: Session['state']): Session => ({ name, user: 'ada', template: 'terminal', state, createdAt: '2026-01-01T00:00:00Z' });

function clientWith(...items: Session[]) {
  const client = new QueryClient();
  const data: InfiniteData<Page<Session>> = { pages: [{ items, total: items.length, nextCursor: null }], pageParams: [undefined] };
  client.setQueryData(keys.sessionList({ user: 'ada' }), data);
  for (const item of items) client.setQueryData(keys.session(item.name), item);
  const names = () => client.getQueryData<typeof data>(keys.sessionList({ user: 'ada' }))?.pages[0]?.items ?? [];
  return { client, names };
}

describe('parseEvent', () => {
  it('reads an event', () => {
    expect(parseEvent('session', '{"type":"session","action":"changed","name":"a","state":"running"}')).toMatchObject({
      type: 'session',
      action: 'changed',
      name: 'a',
      fields: { state: 'running' },
    });
  });

  it.each([
    ['session', '{'],
    ['session', 'null'],
    ['session', '3'],
    ['weather', '{}'],
  ])('ignores %s %s', (type, data) => expect(parseEvent(type, data)).toBeUndefined());
});

describe('applyEvent', () => {
  it('shows a new state at once, in the list and on the page', () => {
    const { client, names } = clientWith(session('a', 'starting'), session('b', 'running'));
    applyEvent(client, { type: 'session', action: 'changed', name: 'a', fields: { state: 'running', status: { phase: 'Running' }, stateSince: 'x' } });
    expect(names().map((s) => s.state)).toEqual(['running', 'running']);
    expect(client.getQueryData<Session>(keys.session('a'))).toMatchObject({ state: 'running', status: { phase: 'Running' }, stateSince: 'x' });
  });

  it('takes removed sessions off the list', () => {
    const { client, names } = clientWith(session('a', 'running'), session('b', 'running'));
    applyEvent(client, { type: 'session', action: 'removed', name: 'a', fields: {} });
    expect(names().map((s) => s.name)).toEqual(['b']);
  });

  it('does not believe a state that is none, nor fields that are not a session’s', () => {
    const { client, names } = clientWith(session('a', 'running'));
    applyEvent(client, { type: 'session', action: 'changed', name: 'a', fields: { state: 'melted', user: 'eve', reason: 3 } });
    expect(names()[0]).toEqual(session('a', 'running'));
  });

  it('does not invent sessions that nobody has loaded', () => {
    const { client } = clientWith();
    applyEvent(client, { type: 'session', action: 'changed', name: 'z', fields: { state: 'running' } });
    expect(client.getQueryData(keys.session('z'))).toBeUndefined();
  });
});

describe('what becomes stale', () => {
  it('is what the event is about', () => {
    expect(staleKeys({ type: 'session', name: 'a', fields: {} })).toEqual([keys.sessions, keys.session('a')]);
    expect(staleKeys({ type: 'agent', fields: {} })).toEqual([keys.agents]);
    expect(staleKeys({ type: 'command', fields: {} })).toEqual([keys.commands]);
    expect(staleKeys({ type: 'template', fields: {} })).toEqual([keys.templates]);
  });

  it('is read anew once for a burst of events', () => {
    vi.useFakeTimers();
    const client = new QueryClient();
    const invalidate = vi.spyOn(client, 'invalidateQueries').mockResolvedValue();
    const invalidator = new Invalidator(client);
    for (let i = 0; i < 100; i += 1) invalidator.add([keys.sessions, keys.session(`s${i % 2}`)]);
    vi.advanceTimersByTime(200);
    expect(invalidate).toHaveBeenCalledTimes(3);
    vi.useRealTimers();
  });
});
