import { useEffect, useRef, useState } from 'react';

const FIRST_MS = 4_000;
const AFTER_MS = 1_200;

/** A bar that shows at first, goes by itself, and stays while it is used. */
export function useAutoHide(pinned: boolean) {
  const [shown, setShown] = useState(true);
  const [held, setHeld] = useState(false);
  const delay = useRef(FIRST_MS);

  useEffect(() => {
    if (!shown || held || pinned) return undefined;
    const timer = setTimeout(() => setShown(false), delay.current);
    delay.current = AFTER_MS;
    return () => clearTimeout(timer);
  }, [shown, held, pinned]);

  const show = () => setShown(true);
  return {
    shown: shown || pinned,
    show,
    toggle: () => {
      setHeld(false);
      // By touch nothing hovers, so it stays until it is put away or left alone for a while.
      delay.current = FIRST_MS;
      setShown((now) => !now);
    },
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
