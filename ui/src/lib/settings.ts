// Settings: what a value has to look like, and how it is written.
import type { Setting, SettingSource, SettingValue } from '@/api/operation';
import { parseQuantity } from './quantity';

export const sourceLabel: Record<SettingSource, string> = {
  flag: 'Command line',
  variable: 'Environment',
  file: 'Configuration file',
  database: 'Set here',
  default: 'Default',
};

/** Why a setting cannot be changed here; undefined where it can. */
export function lockReason(setting: Setting): string | undefined {
  const { source } = setting;
  if (source === 'flag') return `Given on the server’s command line, which has precedence. Start the server without it to set it here.`;
  if (source === 'variable') return 'Given by an environment variable of the server, which has precedence. Remove it to set it here.';
  if (source === 'file') return 'Given in the server’s configuration file, which has precedence. Remove it there to set it here.';
  return setting.editable ? undefined : 'Read when the server starts: give it on the command line, in the environment or in the configuration file.';
}

/** Those that no page can change: the server reads them when it starts. */
export const isAtStart = (setting: Setting) => !setting.editable && setting.restart === true;

/** A value as text, as in an input. */
export const settingText = (value: SettingValue | undefined): string => (value === null || value === undefined ? '' : String(value));

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "90s", "1h30m", "0" in milliseconds; undefined for what is no duration. */
export function parseDuration(text: string): number | undefined {
  const value = text.trim();
  if (value === '0') return 0;
  if (!/^(\d+(ms|s|m|h|d))+$/.test(value)) return undefined;
  let total = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+)(ms|[smhd])/g)) total += Number(amount) * (UNITS[unit ?? ''] ?? 0);
  return total;
}

/** What is wrong with a text; undefined when it will do. The server has the last word. */
export function settingProblem(setting: Setting, text: string): string | undefined {
  const value = text.trim();
  if (value === '') return setting.type === 'text' ? undefined : 'Enter a value, or take the default';
  switch (setting.type) {
    case 'integer':
      return /^-?\d+$/.test(value) ? bounds(setting, Number(value), Number) : 'A whole number';
    case 'duration': {
      const ms = parseDuration(value);
      return ms === undefined ? 'A duration, such as 30m or 8h' : bounds(setting, ms, (bound) => parseDuration(bound) ?? NaN);
    }
    case 'quantity': {
      const amount = parseQuantity(value);
      return amount === undefined ? 'A quantity, such as 500m or 2Gi' : bounds(setting, amount, (bound) => parseQuantity(bound) ?? NaN);
    }
    case 'choice':
      return setting.choices && !setting.choices.includes(value) ? 'Choose one of the list' : undefined;
    default:
      return undefined;
  }
}

function bounds({ min, max }: Setting, value: number, read: (bound: string) => number): string | undefined {
  const present = (bound: number | string | null | undefined) => bound !== null && bound !== undefined;
  if (present(min) && value < read(String(min))) return `At least ${min}`;
  if (present(max) && value > read(String(max))) return `At most ${max}`;
  return undefined;
}

/** The value that goes to the server. */
export function settingValue(setting: Setting, text: string): SettingValue {
  const value = text.trim();
  if (setting.type === 'integer') return Number(value);
  if (setting.type === 'boolean') return value === 'true';
  return value;
}

/** In the order of the server, by group. */
export function groupSettings(settings: Setting[]): [string, Setting[]][] {
  const groups = new Map<string, Setting[]>();
  for (const setting of settings) groups.set(setting.group, [...(groups.get(setting.group) ?? []), setting]);
  return [...groups];
}

const CAPITALS: ReadonlySet<string> = new Set(['api', 'ca', 'cpu', 'http', 'id', 'ip', 'jwt', 'mfa', 'oidc', 'tcp', 'tls', 'totp', 'ttl', 'url']);

/** "share-links" → "Share links", "public-url" → "Public URL". */
export function settingLabel(name: string): string {
  const words = name.split(/[-_.]+/).map((word) => (CAPITALS.has(word) ? word.toUpperCase() : word));
  const text = words.join(' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Those that bear every word of the search. */
export function searchSettings(settings: Setting[], search: string): Setting[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return settings.filter((setting) => {
    const text = `${setting.name} ${settingLabel(setting.name)} ${setting.description ?? ''} ${setting.group}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
