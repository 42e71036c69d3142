// How the session's screen and the browser's window agree on a size.

export type FitMode = 'resize' | 'scale' | 'original';

export const fitLabel: Record<FitMode, string> = {
  resize: 'Fit the window',
  scale: 'Scale the picture',
  original: 'Original size',
};

/** Desktop programs are of no use below this; on a phone the picture is scaled down instead. */
const MIN_WIDTH = 760;
const MAX_FACTOR = 3;

/**
 * Session pixels per CSS pixel. One, but on narrow screens so many that the
 * session has a useful width; with `sharp` as many as the screen really has.
 */
export function remoteFactor(cssWidth: number, pixelRatio: number, sharp: boolean): number {
  const narrow = cssWidth > 0 ? MIN_WIDTH / cssWidth : 1;
  return Math.min(MAX_FACTOR, Math.max(1, narrow, sharp ? pixelRatio : 1));
}
