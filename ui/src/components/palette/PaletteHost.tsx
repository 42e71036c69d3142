import { useHotkeys } from '@mantine/hooks';
import { lazy, Suspense, useEffect, useState } from 'react';
import { onOpenPalette, openPalette } from './store';

const Palette = lazy(async () => ({ default: (await import('./Palette')).Palette }));

export function PaletteHost() {
  const [wanted, setWanted] = useState(0);
  useEffect(() => onOpenPalette(() => setWanted((count) => count + 1)), []);
  useHotkeys([['mod+K', openPalette]], []);
  if (wanted === 0) return null;
  return (
    <Suspense fallback={null}>
      <Palette wanted={wanted} />
    </Suspense>
  );
}
