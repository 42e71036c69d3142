// Fifty sessions that start at once send some hundred events within a second;
// the lists are then read anew a few times, not a hundred.
import type { QueryClient } from '@tanstack/react-query';

const WINDOW_MS = 150;

export class Invalidator {
  private readonly waiting = new Map<string, readonly unknown[]>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly client: QueryClient) {}

  add(keys: readonly (readonly unknown[])[]): void {
    for (const key of keys) this.waiting.set(JSON.stringify(key), key);
    this.timer ??= setTimeout(() => this.flush(), WINDOW_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.waiting.clear();
  }

  private flush(): void {
    this.timer = undefined;
    const keys = [...this.waiting.values()];
    this.waiting.clear();
    for (const queryKey of keys) void this.client.invalidateQueries({ queryKey });
  }
}
