import { useElementSize, useLocalStorage } from '@mantine/hooks';
import { useMemo } from 'react';
import type { ScreenSettings } from './screen';
import { remoteFactor, type FitMode } from './sizing';

export interface ViewerPreferences {
  fit: FitMode;
  quality: number;
  /** As many pixels as the screen has, on dense screens. */
  sharp: boolean;
}

const defaults: ViewerPreferences = { fit: 'resize', quality: 7, sharp: false };

/** What the user chose, kept in this browser, and what follows from it for this window. */
export function useViewerSettings() {
  const [stored, store] = useLocalStorage<Partial<ViewerPreferences>>({
    key: 'streamspace-viewer',
    defaultValue: defaults,
    getInitialValueInEffect: false,
  });
  const { ref, width } = useElementSize<HTMLDivElement>();
  const preferences: ViewerPreferences = useMemo(() => ({ ...defaults, ...stored }), [stored]);
  const factor = remoteFactor(width || window.innerWidth, window.devicePixelRatio, preferences.sharp);
  const settings: Omit<ScreenSettings, 'viewOnly'> = useMemo(
    () => ({ fit: preferences.fit, quality: preferences.quality, remoteFactor: factor, background: 'transparent' }),
    [preferences.fit, preferences.quality, factor],
  );
  const change = (part: Partial<ViewerPreferences>) => store({ ...preferences, ...part });
  return { preferences, change, settings, sizeRef: ref };
}
