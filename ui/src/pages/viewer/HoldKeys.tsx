import { Button } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { keyDown, keyUp, type KeyName } from '@/viewer/keys';
import type { Screen } from '@/viewer/screen';

const MODIFIERS: { key: KeyName; label: string }[] = [
  { key: 'Control', label: 'Ctrl' },
  { key: 'Alt', label: 'Alt' },
  { key: 'Shift', label: 'Shift' },
  { key: 'Super', label: 'Super' },
];

/** Modifiers that stay down until pressed again; let go of when this goes away. */
export function HoldKeys({ screen, size = 'xs' }: { screen: Screen | null; size?: string }) {
  const [held, setHeld] = useState<ReadonlySet<KeyName>>(new Set());
  const latest = useRef({ screen, held });
  latest.current = { screen, held };

  useEffect(
    () => () => {
      const { screen: last, held: still } = latest.current;
      if (last) still.forEach((key) => keyUp(last.rfb, key));
    },
    [],
  );

  function toggle(key: KeyName) {
    if (!screen) return;
    const next = new Set(held);
    if (next.delete(key)) {
      keyUp(screen.rfb, key);
    } else {
      next.add(key);
      keyDown(screen.rfb, key);
    }
    setHeld(next);
  }

  return (
    <>
      {MODIFIERS.map(({ key, label }) => (
        <Button
          key={key}
          size={size}
          variant={held.has(key) ? 'filled' : 'default'}
          aria-pressed={held.has(key)}
          disabled={!screen}
          // The touch keyboard keeps its focus, or it would go away.
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => toggle(key)}
        >
          {label}
        </Button>
      ))}
    </>
  );
}
