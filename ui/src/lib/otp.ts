// One-time codes as people type them.

/** Digits of an app's code. */
export const TOTP_DIGITS = 6;

/** "123 456" → "123456". */
export const cleanCode = (text: string) => text.replace(/\s+/g, '');

export const isTotp = (code: string) => /^\d{6}$/.test(code);

/** What is wrong with a code; backup codes are longer and not only digits. */
export function codeProblem(code: string, backup = false): string | undefined {
  if (code === '') return 'Enter the code';
  if (isTotp(code) || (backup && code.length >= 8)) return undefined;
  return backup ? 'Six digits, or a whole backup code' : 'Six digits';
}

/** A secret in groups of four, to be typed where nothing can be scanned. */
export const groupSecret = (secret: string) => secret.replace(/(.{4})(?=.)/g, '$1 ');
