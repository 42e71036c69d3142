import { useCallback, useSyncExternalStore } from 'react';

interface KeyboardLock {
  lock?(keys?: string[]): Promise<void>;
  unlock?(): void;
}

const keyboard = () => (navigator as Navigator & { keyboard?: KeyboardLock }).keyboard;

function subscribe(listener: () => void) {
  document.addEventListener('fullscreenchange', listener);
  return () => document.removeEventListener('fullscreenchange', listener);
}

/** Full screen for the whole page, so that menus and dialogues stay visible in it. */
export function useFullscreen() {
  const active = useSyncExternalStore(subscribe, () => document.fullscreenElement !== null);
  const toggle = useCallback(async () => {
    try {
      if (document.fullscreenElement) {
        keyboard()?.unlock?.();
        await document.exitFullscreen();
      } else {
        await document.documentElement.requestFullscreen({ navigationUI: 'hide' });
        // Esc, Alt-Tab and the like go to the session then; holding Esc leaves.
        await keyboard()?.lock?.();
      }
    } catch {
      // Refused by the browser or its owner; the page works in its window.
    }
  }, []);
  return { active, supported: document.fullscreenEnabled, toggle };
}
