// The audit log, for people.
import type { AuditOutcome } from '@/api/operation';
import { parseTime } from './duration';
import { sentence } from './fieldErrors';

export const OUTCOMES: readonly AuditOutcome[] = ['allowed', 'refused', 'failed'];
export const outcomeColor: Record<AuditOutcome, string> = { allowed: 'green', refused: 'orange', failed: 'red' };

/** "user.create" → "User: create"; "api_key.create" → "API key: create". */
export function actionWords(action: string): string {
  const parts = action.split('.').filter(Boolean);
  const words = (part: string) => part.replace(/[_-]+/g, ' ').replace(/\b(?:api|mfa|oidc|totp)\b/g, (word) => word.toUpperCase());
  const verb = words(parts.pop() ?? action);
  const what = parts.map(words).join(' ');
  return what ? `${what.charAt(0).toUpperCase()}${what.slice(1)}: ${verb}` : sentence(verb);
}

/** A time of the address bar for an input of the browser's own time zone. */
export function toLocal(time: string | undefined): string {
  const at = parseTime(time);
  if (at === undefined) return '';
  const shifted = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

/** And back: RFC 3339 in UTC, whole seconds. */
export function fromLocal(text: string): string | undefined {
  const time = text ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? undefined : new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The detail as lines of name and value; anything that is no object is one line. */
export function detailLines(detail: unknown): [string, string][] {
  if (detail === null || detail === undefined || detail === '') return [];
  if (typeof detail === 'string') {
    try {
      const parsed: unknown = JSON.parse(detail);
      if (typeof parsed === 'object' && parsed !== null) return detailLines(parsed);
    } catch {
      // Plain words.
    }
    return [['Detail', detail]];
  }
  if (typeof detail !== 'object') return [['Detail', String(detail)]];
  return Object.entries(detail).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]);
}
