/** Text before the cursor, so that a touch keyboard's Backspace has something to delete. */
export const PADDING = '\u200b\u200b\u200b\u200b';

/** What happened to the padding: how much of it went, and what came after it. */
export function difference(value: string): { typed: string; deleted: number } {
  let kept = 0;
  while (kept < PADDING.length && value[kept] === PADDING[kept]) kept += 1;
  return { typed: value.slice(kept).replace(/\u200b/g, ''), deleted: PADDING.length - kept };
}
