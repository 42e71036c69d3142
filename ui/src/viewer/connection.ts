// Keeps one stream alive: ticket, socket, screen; and again, with a fresh ticket,
// until it ends for good. Knows neither React nor noVNC, which makes it testable.
import { ApiError } from '@/api/http';
import type { Ticket } from '@/api/types';
import { CONNECT_LIMIT_MS, finalEnd, lossText, retryDelay, STABLE_MS, type EndKind } from './policy';

export type ConnectionState =
  | { phase: 'connecting' }
  | { phase: 'connected' }
  /** `retryAt` is when the next try starts (Date.now()); undefined while one is under way. */
  | { phase: 'reconnecting'; attempt: number; reason: string; retryAt?: number }
  | { phase: 'ended'; kind: EndKind; reason?: string };

/** One try's socket and screen. */
export interface Link {
  close(): void;
}

export interface LinkEvents {
  onConnected(): void;
  /** Exactly once, also after a try that never connected. */
  onClosed(code: number, reason: string): void;
}

export interface ConnectionOptions {
  ticket(signal: AbortSignal): Promise<Ticket>;
  open(url: string, events: LinkEvents): Link;
  onState(state: ConnectionState): void;
  random?: () => number;
}

export class Connection {
  private link: Link | undefined;
  private abort: AbortController | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private limitTimer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private connectedAt: number | undefined;
  private reason = '';
  private stopped = false;
  private current: ConnectionState = { phase: 'connecting' };

  constructor(private readonly options: ConnectionOptions) {}

  start(): void {
    this.setState({ phase: 'connecting' });
    void this.try();
  }

  /** For good, without a word to the listener. */
  stop(): void {
    this.stopped = true;
    this.drop();
  }

  /** Does not wait any longer for the next try. */
  retryNow(): void {
    if (this.current.phase === 'reconnecting' && this.current.retryAt !== undefined) void this.try();
  }

  private async try(): Promise<void> {
    this.drop();
    if (this.current.phase === 'reconnecting') {
      this.setState({ phase: 'reconnecting', attempt: this.attempt, reason: this.reason });
    }
    const abort = new AbortController();
    this.abort = abort;
    this.limitTimer = setTimeout(() => {
      abort.abort();
      this.lost(1006);
    }, CONNECT_LIMIT_MS);
    let url: string;
    try {
      url = (await this.options.ticket(abort.signal)).url;
    } catch (error) {
      if (!abort.signal.aborted) this.refused(error);
      return;
    }
    if (!abort.signal.aborted) this.link = this.openLink(url, abort.signal);
  }

  private openLink(url: string, signal: AbortSignal): Link | undefined {
    try {
      return this.options.open(url, {
        onConnected: () => {
          if (signal.aborted) return;
          clearTimeout(this.limitTimer);
          this.connectedAt = Date.now();
          this.setState({ phase: 'connected' });
        },
        onClosed: (code, reason) => {
          if (!signal.aborted) this.closed(code, reason);
        },
      });
    } catch {
      this.lost(1006);
      return undefined;
    }
  }

  private closed(code: number, reason: string): void {
    const end = finalEnd(code);
    if (end) this.end(end, reason || undefined);
    else this.lost(code);
  }

  /** The server gave no ticket. */
  private refused(error: unknown): void {
    if (error instanceof ApiError) {
      if (error.code === 'hibernated') return this.end('hibernated');
      if (error.status === 401) return this.end('signed_out');
      if (error.status === 403) return this.end('revoked', error.message);
      if (error.status === 404) return this.end('gone');
    }
    this.lost(1006, error instanceof ApiError ? error.message : undefined);
  }

  private lost(code: number, text?: string): void {
    this.drop();
    if (this.connectedAt !== undefined) {
      // One that came up and fell at once is no reason to start from nothing, nor to wait long.
      const stable = Date.now() - this.connectedAt >= STABLE_MS;
      this.attempt = stable ? 0 : Math.min(this.attempt, 2);
    }
    this.connectedAt = undefined;
    this.reason = text ?? lossText(code);
    const delay = retryDelay(this.attempt, this.options.random);
    this.attempt += 1;
    this.setState({ phase: 'reconnecting', attempt: this.attempt, reason: this.reason, retryAt: Date.now() + delay });
    this.retryTimer = setTimeout(() => void this.try(), delay);
  }

  private end(kind: EndKind, reason?: string): void {
    this.drop();
    this.setState({ phase: 'ended', kind, reason });
  }

  private drop(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.limitTimer);
    this.abort?.abort();
    this.abort = undefined;
    const link = this.link;
    this.link = undefined;
    link?.close();
  }

  private setState(state: ConnectionState): void {
    if (this.stopped) return;
    this.current = state;
    this.options.onState(state);
  }
}
