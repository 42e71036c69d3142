// Keeps one stream of server-sent events open while the page is looked at.
//
// The browser reconnects an EventSource by itself after a lost connection, but
// gives up for ever after an HTTP error; then a new one is made, with back-off.
// A page in a hidden tab holds none: over HTTP/1.1 a browser allows six
// connections to a host, and six forgotten tabs would starve the seventh.
import { buildUrl } from '@/api/http';
import { EVENT_TYPES, parseEvent, type LiveEvent } from './events';

/** `paused`: hidden tab, nothing is wrong. `broken`: should be live and is not. */
export type LiveState = 'connecting' | 'live' | 'broken' | 'paused';

export interface EventStreamOptions {
  onEvent(event: LiveEvent): void;
  onState(state: LiveState): void;
  /** Called when the stream is back after a gap, in which events were missed. */
  onResume(): void;
  create?: (url: string) => EventSource;
}

const HIDDEN_GRACE_MS = 15_000;
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 30_000;

export class EventStream {
  private source: EventSource | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private hadGap = false;
  private state: LiveState | undefined;

  constructor(private readonly options: EventStreamOptions) {}

  start(): void {
    document.addEventListener('visibilitychange', this.onVisibility);
    window.addEventListener('online', this.onOnline);
    this.open();
  }

  stop(): void {
    document.removeEventListener('visibilitychange', this.onVisibility);
    window.removeEventListener('online', this.onOnline);
    clearTimeout(this.hiddenTimer);
    this.close();
  }

  private open(): void {
    this.close();
    this.setState(this.hadGap ? 'broken' : 'connecting');
    const create = this.options.create ?? ((url: string) => new EventSource(url));
    const source = create(buildUrl('/events'));
    this.source = source;
    source.onopen = () => {
      this.failures = 0;
      this.setState('live');
      if (this.hadGap) this.options.onResume();
      this.hadGap = false;
    };
    source.onerror = () => {
      this.hadGap = true;
      this.setState('broken');
      if (source.readyState === 2 /* CLOSED */) this.scheduleRetry();
    };
    for (const type of EVENT_TYPES) {
      source.addEventListener(type, (message) => {
        const event = parseEvent(type, (message as MessageEvent<string>).data);
        if (event) this.options.onEvent(event);
      });
    }
  }

  private close(): void {
    clearTimeout(this.retryTimer);
    this.source?.close();
    this.source = undefined;
  }

  private scheduleRetry(): void {
    this.close();
    const ceiling = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.failures);
    this.failures += 1;
    this.retryTimer = setTimeout(() => this.open(), ceiling / 2 + (Math.random() * ceiling) / 2);
  }

  private readonly onOnline = () => {
    if (this.state === 'broken') this.open();
  };

  private readonly onVisibility = () => {
    clearTimeout(this.hiddenTimer);
    if (document.hidden) {
      this.hiddenTimer = setTimeout(() => {
        this.hadGap = true;
        this.close();
        this.setState('paused');
      }, HIDDEN_GRACE_MS);
    } else if (!this.source) {
      this.open();
    }
  };

  private setState(state: LiveState): void {
    if (state === this.state) return;
    this.state = state;
    this.options.onState(state);
  }
}
