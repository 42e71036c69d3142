// X keysyms of what people send by hand.

export const KEYSYM = {
  BackSpace: 0xff08,
  Tab: 0xff09,
  Return: 0xff0d,
  Escape: 0xff1b,
  Delete: 0xffff,
  Left: 0xff51,
  Up: 0xff52,
  Right: 0xff53,
  Down: 0xff54,
  PageUp: 0xff55,
  PageDown: 0xff56,
  Print: 0xff61,
  F1: 0xffbe,
  F4: 0xffc1,
  F11: 0xffc8,
  Shift: 0xffe1,
  Control: 0xffe3,
  Alt: 0xffe9,
  Super: 0xffeb,
} as const;

export type KeyName = keyof typeof KEYSYM;

/** The key's place on the keyboard, for servers that want scan codes. */
const CODE: Record<KeyName, string> = {
  BackSpace: 'Backspace',
  Tab: 'Tab',
  Return: 'Enter',
  Escape: 'Escape',
  Delete: 'Delete',
  Left: 'ArrowLeft',
  Up: 'ArrowUp',
  Right: 'ArrowRight',
  Down: 'ArrowDown',
  PageUp: 'PageUp',
  PageDown: 'PageDown',
  Print: 'PrintScreen',
  F1: 'F1',
  F4: 'F4',
  F11: 'F11',
  Shift: 'ShiftLeft',
  Control: 'ControlLeft',
  Alt: 'AltLeft',
  Super: 'MetaLeft',
};

export interface KeySender {
  sendKey(keysym: number, code: string | null, down?: boolean): void;
}

export function keyDown(to: KeySender, key: KeyName): void {
  to.sendKey(KEYSYM[key], CODE[key], true);
}

export function keyUp(to: KeySender, key: KeyName): void {
  to.sendKey(KEYSYM[key], CODE[key], false);
}

/** Presses all of them in order and lets go in reverse. */
export function sendCombination(to: KeySender, keys: readonly KeyName[]): void {
  for (const key of keys) keyDown(to, key);
  for (const key of [...keys].reverse()) keyUp(to, key);
}

/** The keysym of a character: Latin-1 stands for itself, the rest is Unicode plus a mark. */
export function keysymOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code === 0x0a || code === 0x0d) return KEYSYM.Return;
  if (code === 0x09) return KEYSYM.Tab;
  return (code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xff) ? code : 0x01000000 + code;
}

export function typeText(to: KeySender, text: string): void {
  for (const character of text) {
    const keysym = keysymOf(character);
    to.sendKey(keysym, null, true);
    to.sendKey(keysym, null, false);
  }
}

export const combinations: { label: string; keys: KeyName[] }[] = [
  { label: 'Ctrl Alt Del', keys: ['Control', 'Alt', 'Delete'] },
  { label: 'Alt Tab', keys: ['Alt', 'Tab'] },
  { label: 'Alt F4', keys: ['Alt', 'F4'] },
  { label: 'Super', keys: ['Super'] },
  { label: 'Esc', keys: ['Escape'] },
  { label: 'F11', keys: ['F11'] },
  { label: 'Print', keys: ['Print'] },
];
