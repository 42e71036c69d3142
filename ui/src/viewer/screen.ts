// One RFB connection on one socket: the only file that touches noVNC.
import type { LinkEvents } from './connection';
import { RemoteRfb } from './remoteRfb';
import type { FitMode } from './sizing';
import { Median, RateMeter, type StreamStats } from './stats';

export interface ScreenSettings {
  fit: FitMode;
  /** 0 (coarse) to 9 (as it is). */
  quality: number;
  remoteFactor: number;
  background: string;
  /** Sends no keys and no pointer; the server would drop them. */
  viewOnly: boolean;
}

export interface ScreenEvents extends LinkEvents {
  onClipboard(text: string): void;
}

/** The socket's path as an address of this very origin. */
export function socketUrl(path: string, base: string = window.location.href): string {
  const url = new URL(path, base);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.toString();
}

export class Screen {
  readonly rfb: RemoteRfb;
  private readonly socket: WebSocket;
  private readonly frames = new RateMeter();
  private readonly bytes = new RateMeter();
  private readonly latency = new Median();
  private probeSentAt: number | undefined;
  private connected = false;

  constructor(
    private readonly target: HTMLElement,
    path: string,
    settings: ScreenSettings,
    private readonly events: ScreenEvents,
  ) {
    this.socket = new WebSocket(socketUrl(path), ['binary']);
    this.socket.binaryType = 'arraybuffer';
    this.socket.addEventListener('message', (message: MessageEvent<ArrayBuffer>) =>
      this.bytes.add(message.data.byteLength, performance.now()),
    );
    // The socket's own event has the code; noVNC's does not.
    this.socket.addEventListener('close', (event) => this.events.onClosed(event.code, event.reason));
    this.rfb = new RemoteRfb(target, this.socket, { shared: true });
    this.rfb.showDotCursor = true;
    this.rfb.compressionLevel = 2;
    this.apply(settings);
    this.rfb.addEventListener('connect', () => this.onConnect());
    this.rfb.addEventListener('clipboard', (event) =>
      this.events.onClipboard((event as CustomEvent<{ text: string }>).detail.text),
    );
    // A server that asks for a password is not ours, or is misconfigured.
    this.rfb.addEventListener('credentialsrequired', () => this.rfb.disconnect());
    this.countFrames();
  }

  apply(settings: ScreenSettings): void {
    const { rfb } = this;
    rfb.viewOnly = settings.viewOnly;
    rfb.background = settings.background;
    rfb.qualityLevel = settings.quality;
    rfb.remoteFactor = settings.remoteFactor;
    rfb.scaleViewport = settings.fit !== 'original';
    rfb.clipViewport = settings.fit === 'original';
    rfb.dragViewport = false;
    rfb.resizeSession = settings.fit === 'resize' && !settings.viewOnly;
  }

  canvas(): HTMLCanvasElement | null {
    return this.target.querySelector('canvas');
  }

  /** Asks the display for one pixel; the next picture is the answer. */
  probe(): void {
    if (!this.connected || this.socket.readyState !== WebSocket.OPEN || this.probeSentAt !== undefined) return;
    this.probeSentAt = performance.now();
    // RFC 6143, 7.5.3: FramebufferUpdateRequest, not incremental, 1×1 at the corner. noVNC sends whole
    // messages and never across two tasks, so this cannot fall into the midst of one.
    this.socket.send(new Uint8Array([3, 0, 0, 0, 0, 0, 0, 1, 0, 1]));
  }

  stats(): StreamStats {
    const now = performance.now();
    if (this.probeSentAt !== undefined && now - this.probeSentAt > 5_000) this.probeSentAt = undefined;
    return {
      fps: Math.round(this.frames.rate(now)),
      bitsPerSecond: this.bytes.rate(now) * 8,
      latency: this.latency.get(),
    };
  }

  /** noVNC lets go of its keys when the window loses the focus; we need that for the canvas as well. */
  releaseKeys(): void {
    window.dispatchEvent(new Event('blur'));
  }

  close(): void {
    this.rfb.disconnect();
    this.socket.close();
  }

  private onConnect(): void {
    this.connected = true;
    this.events.onConnected();
  }

  /** Every update ends in one drawing of the hidden buffer onto the visible canvas. */
  private countFrames(): void {
    const context = this.canvas()?.getContext('2d');
    if (!context) return;
    const draw = context.drawImage.bind(context) as (...args: unknown[]) => void;
    context.drawImage = (...args: unknown[]) => {
      draw(...args);
      const now = performance.now();
      this.frames.add(1, now);
      if (this.probeSentAt !== undefined) {
        this.latency.add(now - this.probeSentAt);
        this.probeSentAt = undefined;
      }
    };
  }
}
