import { useEffect, useRef, useState } from 'react';

const FIRST_MS = 4_000;
const AFTER_MS = 1_200;
/** A click this soon after the bar came by hovering is meant to show it, not to hide it. */
const SAME_GESTURE_MS = 600;

/** A bar that shows at first, goes by itself, and stays while it is used. */
export function useAutoHide(pinned: boolean) {
  const [shown, setShown] = useState(true);
  const [held, setHeld] = useState(false);
  // By touch nothing hovers, so it stays a while after it came, whatever the pointer does.
  const keepUntil = useRef(Date.now() + FIRST_MS);
  const shownAt = useRef(0);

  useEffect(() => {
    if (!shown || held || pinned) return undefined;
    const wait = Math.max(AFTER_MS, keepUntil.current - Date.now());
    const timer = setTimeout(() => setShown(false), wait);
    return () => clearTimeout(timer);
  }, [shown, held, pinned]);

  function show() {
    if (!shown) shownAt.current = Date.now();
    setShown(true);
  }

  function toggle() {
    keepUntil.current = Date.now() + FIRST_MS;
    if (!shown || Date.now() - shownAt.current < SAME_GESTURE_MS) {
      show();
    } else {
      setHeld(false);
      setShown(false);
    }
  }

  return {
    shown: shown || pinned,
    show,
    toggle,
    hold: {
      onPointerEnter: (event: React.PointerEvent) => {
        if (event.pointerType === 'touch') return;
        setHeld(true);
        show();
      },
      onPointerLeave: () => setHeld(false),
      onFocus: (event: React.FocusEvent) => {
        if (!event.target.matches(':focus-visible')) return;
        setHeld(true);
        show();
      },
      onBlur: () => setHeld(false),
    },
  };
}
