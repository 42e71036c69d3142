// What the closing of a stream means, and when to try again.

export type EndKind = 'terminated' | 'hibernated' | 'revoked' | 'gone' | 'signed_out' | 'failed';

/** Application codes of the server, beside those of RFC 6455. */
export const CLOSE = {
  terminated: 4100,
  hibernated: 4101,
  revoked: 4102,
  agentUnavailable: 4103,
  displayUnavailable: 4104,
} as const;

/** Final ends by name; undefined for everything that is worth another try. */
export function finalEnd(code: number): EndKind | undefined {
  switch (code) {
    case CLOSE.terminated:
      return 'terminated';
    case CLOSE.hibernated:
      return 'hibernated';
    case CLOSE.revoked:
      return 'revoked';
    default:
      return undefined;
  }
}

const FIRST_MS = 500;
const LIMIT_MS = 15_000;

/**
 * The wait before try number `attempt` (0 is the first after a loss): none, then
 * doubling to 15 s. Between half and the whole of it, so that the viewers of a
 * server that restarts do not all come at once.
 */
export function retryDelay(attempt: number, random: () => number = Math.random): number {
  if (attempt <= 0) return 0;
  const ceiling = Math.min(LIMIT_MS, FIRST_MS * 2 ** (attempt - 1));
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}

/** A connection that lasted this long counts as a good one: the next loss starts at zero. */
export const STABLE_MS = 10_000;
/** Ticket, handshake and first picture have this long, together. */
export const CONNECT_LIMIT_MS = 20_000;

/** What a code means, for people. */
export function lossText(code: number): string {
  switch (code) {
    case CLOSE.agentUnavailable:
      return 'The machine that runs the session is not answering.';
    case CLOSE.displayUnavailable:
      return 'The session’s display is not answering.';
    case 1001:
      return 'The server is restarting.';
    default:
      return 'The connection was lost.';
  }
}
