import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '@/api/http';
import { Connection, type ConnectionState, type LinkEvents } from './connection';
import { CONNECT_LIMIT_MS } from './policy';

/** A connection with everything around it in the test's hands. */
function setup() {
  const states: ConnectionState[] = [];
  const links: (LinkEvents & { url: string; closed: boolean })[] = [];
  let count = 0;
  const ticket = vi.fn(async () => {
    count += 1;
    return { ticket: `t${count}`, url: `/stream?ticket=t${count}`, expiresAt: '' };
  });
  const connection = new Connection({
    ticket,
    open(url, events) {
      const link = { ...events, url, closed: false };
      links.push(link);
      return { close: () => void (link.closed = true) };
    },
    onState: (state) => states.push(state),
    random: () => 1,
  });
  const last = () => states[states.length - 1];
  const settle = () => vi.advanceTimersByTimeAsync(0);
  return { connection, ticket, links, states, last, settle };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('Connection', () => {
  it('fetches a ticket, opens its address, and is connected with the first picture', async () => {
    const { connection, links, last, settle } = setup();
    connection.start();
    await settle();
    expect(links[0]?.url).toBe('/stream?ticket=t1');
    expect(last()).toEqual({ phase: 'connecting' });
    links[0]?.onConnected();
    expect(last()).toEqual({ phase: 'connected' });
  });

  it('comes back at once, with a fresh ticket, after a loss', async () => {
    const { connection, links, last, settle } = setup();
    connection.start();
    await settle();
    links[0]?.onConnected();
    links[0]?.onClosed(1006, '');
    expect(last()).toMatchObject({ phase: 'reconnecting', attempt: 1 });
    await settle();
    expect(links[1]?.url).toBe('/stream?ticket=t2');
    links[1]?.onConnected();
    expect(last()).toEqual({ phase: 'connected' });
  });

  it('waits longer each time the server refuses, and starts over after a good connection', async () => {
    const { connection, ticket, links, states, settle } = setup();
    connection.start();
    await settle();
    links[0]?.onConnected();
    ticket.mockRejectedValue(new ApiError(503, 'no_agent', 'The agent is away'));
    links[0]?.onClosed(4103, '');
    await vi.advanceTimersByTimeAsync(500 + 1000 + 2000);
    const waits = states.flatMap((state) => (state.phase === 'reconnecting' && state.retryAt !== undefined ? [state.attempt] : []));
    expect(waits).toEqual([1, 2, 3, 4, 5]);
    expect(states.at(-1)).toMatchObject({ reason: 'The agent is away' });

    ticket.mockReset().mockResolvedValue({ ticket: 'n', url: '/n', expiresAt: '' });
    await vi.advanceTimersByTimeAsync(4000);
    links[1]?.onConnected();
    await vi.advanceTimersByTimeAsync(15_000);
    links[1]?.onClosed(1001, '');
    expect(states.at(-1)).toMatchObject({ phase: 'reconnecting', attempt: 1, reason: 'The server is restarting.' });
  });

  it.each([
    [4100, 'terminated'],
    [4101, 'hibernated'],
    [4102, 'revoked'],
  ])('ends for good with %i', async (code, kind) => {
    const { connection, ticket, links, last, settle } = setup();
    connection.start();
    await settle();
    links[0]?.onConnected();
    links[0]?.onClosed(code, 'Ended by admin');
    expect(last()).toEqual({ phase: 'ended', kind, reason: 'Ended by admin' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ticket).toHaveBeenCalledTimes(1);
  });

  it.each([
    [new ApiError(409, 'hibernated', ''), 'hibernated'],
    [new ApiError(404, 'session_not_found', ''), 'gone'],
    [new ApiError(403, 'forbidden', 'no'), 'revoked'],
    [new ApiError(401, 'unauthorized', ''), 'signed_out'],
  ])('ends when the ticket is refused: %o', async (error, kind) => {
    const { connection, ticket, last, settle } = setup();
    ticket.mockRejectedValue(error);
    connection.start();
    await settle();
    expect(last()).toMatchObject({ phase: 'ended', kind });
  });

  it('gives up a try that takes too long, and closes its link', async () => {
    const { connection, links, last, settle } = setup();
    connection.start();
    await settle();
    await vi.advanceTimersByTimeAsync(CONNECT_LIMIT_MS);
    await vi.advanceTimersByTimeAsync(1);
    expect(links[0]?.closed).toBe(true);
    expect(links).toHaveLength(2);
    expect(last()).toMatchObject({ phase: 'reconnecting', attempt: 1 });
    // What the old link still says is not heard.
    links[0]?.onClosed(4100, '');
    expect(last()?.phase).toBe('reconnecting');
    links[1]?.onConnected();
    expect(last()?.phase).toBe('connected');
  });

  it('tries now when asked to', async () => {
    const { connection, ticket, links, settle } = setup();
    connection.start();
    await settle();
    ticket.mockRejectedValueOnce(new ApiError(503, 'x', '')).mockRejectedValueOnce(new ApiError(503, 'x', ''));
    links[0]?.onClosed(1006, '');
    await vi.advanceTimersByTimeAsync(500);
    expect(ticket).toHaveBeenCalledTimes(3);
    connection.retryNow();
    await settle();
    expect(ticket).toHaveBeenCalledTimes(4);
  });

  it('is silent after stop', async () => {
    const { connection, links, states, settle } = setup();
    connection.start();
    await settle();
    connection.stop();
    expect(links[0]?.closed).toBe(true);
    const told = states.length;
    links[0]?.onClosed(1006, '');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states.length).toBe(told);
    expect(links.length).toBe(1);
  });
});
