// Figures of a stream, measured over the last second or so.

export interface StreamStats {
  fps: number;
  bitsPerSecond: number;
  /** Round trip to the session's display and back, in milliseconds. */
  latency?: number;
}

/** Sums of what happened in a sliding window. */
export class RateMeter {
  private samples: { at: number; amount: number }[] = [];

  constructor(private readonly windowMs = 1_000) {}

  add(amount: number, now: number): void {
    this.samples.push({ at: now, amount });
    // Bounded also when nobody reads: 60 frames a second, some hundred messages.
    if (this.samples.length > 4_000) this.samples.splice(0, 2_000);
  }

  /** Per second. */
  rate(now: number): number {
    const start = now - this.windowMs;
    const first = this.samples.findIndex((sample) => sample.at > start);
    this.samples = first < 0 ? [] : this.samples.slice(first);
    return (this.samples.reduce((sum, sample) => sum + sample.amount, 0) * 1_000) / this.windowMs;
  }
}

/** The median of the last few measurements: one hiccup is not the latency. */
export class Median {
  private values: number[] = [];

  add(value: number): void {
    this.values = [...this.values, value].slice(-9);
  }

  get(): number | undefined {
    if (this.values.length === 0) return undefined;
    return [...this.values].sort((a, b) => a - b)[Math.floor(this.values.length / 2)];
  }
}
