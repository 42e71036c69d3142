// What makes a password good enough; the server has the last word.

/** The server takes none that is shorter. */
export const PASSWORD_MIN = 12;

export interface Strength {
  /** 0 (nothing) to 4. */
  level: number;
  text: string;
}

/** Length counts most: long phrases beat short riddles. */
export function passwordStrength(password: string): Strength {
  const length = [...password].length;
  if (length === 0) return { level: 0, text: `At least ${PASSWORD_MIN} characters. Several words in a row are easy to keep in mind.` };
  if (length < PASSWORD_MIN) {
    const missing = PASSWORD_MIN - length;
    return { level: 1, text: `${missing} more ${missing === 1 ? 'character' : 'characters'} needed.` };
  }
  const kinds = [/\p{Ll}/u, /\p{Lu}/u, /\p{N}/u, /[^\p{L}\p{N}]/u].filter((kind) => kind.test(password)).length;
  const different = new Set(password).size;
  if (different < 6) return { level: 2, text: 'Long enough, but easy to guess: it repeats itself.' };
  if (length >= 20 || (length >= 15 && kinds >= 3)) return { level: 4, text: 'Strong.' };
  return { level: 3, text: 'Good.' };
}

const ALPHABET = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** A random one to hand over: no letters that look alike. About 93 bits. */
export function makePassword(): string {
  const groups: string[] = [];
  for (let g = 0; g < 4; g++) {
    let group = '';
    while (group.length < 4) {
      const [byte] = crypto.getRandomValues(new Uint8Array(1));
      // What lies beyond a whole number of alphabets would make the first letters likelier.
      if (byte !== undefined && byte < 256 - (256 % ALPHABET.length)) group += ALPHABET[byte % ALPHABET.length];
    }
    groups.push(group);
  }
  return groups.join('-');
}
