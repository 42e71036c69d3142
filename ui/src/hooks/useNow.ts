import { useSyncExternalStore } from 'react';
import { serverNow } from '@/lib/clock';

// One ticking clock per period for the whole page, and none while nobody looks at it.
function ticker(periodMs: number) {
  let now = serverNow();
  let timer: ReturnType<typeof setInterval> | undefined;
  const listeners = new Set<() => void>();
  return {
    subscribe(listener: () => void) {
      listeners.add(listener);
      timer ??= setInterval(() => {
        now = serverNow();
        listeners.forEach((call) => call());
      }, periodMs);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) {
          clearInterval(timer);
          timer = undefined;
        }
      };
    },
    snapshot() {
      if (timer === undefined) now = serverNow();
      return now;
    },
  };
}

const second = ticker(1_000);
const tenth = ticker(100);

/** The server's time, ticking every second; `fast` every tenth of one. */
export function useNow(fast = false): number {
  const clock = fast ? tenth : second;
  return useSyncExternalStore(clock.subscribe, clock.snapshot);
}
