// Times for people.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "4 s", "3 min 20 s", "2 h 5 min", "3 d 4 h": two units at most. */
export function formatDuration(ms: number): string {
  const t = Math.max(0, ms);
  if (t < MINUTE) return `${Math.floor(t / SECOND)} s`;
  if (t < HOUR) return two(t, MINUTE, 'min', SECOND, 's');
  if (t < DAY) return two(t, HOUR, 'h', MINUTE, 'min');
  return two(t, DAY, 'd', HOUR, 'h');
}

function two(t: number, big: number, bigName: string, small: number, smallName: string): string {
  const whole = Math.floor(t / big);
  const rest = Math.floor((t % big) / small);
  return rest === 0 ? `${whole} ${bigName}` : `${whole} ${bigName} ${rest} ${smallName}`;
}

/** Short spans with their fraction: "12 ms", "0.84 s", "14.2 s", then as above. */
export function formatSpan(ms: number): string {
  const t = Math.max(0, ms);
  if (t < SECOND) return `${Math.round(t)} ms`;
  if (t < 10 * SECOND) return `${(t / SECOND).toFixed(2)} s`;
  if (t < MINUTE) return `${(t / SECOND).toFixed(1)} s`;
  return formatDuration(t);
}

/** "just now", "12 s ago", "3 h ago": one unit. */
export function formatAgo(ms: number): string {
  if (ms < 2 * SECOND) return 'just now';
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  return `${Math.floor(ms / DAY)} d ago`;
}

/** Milliseconds since the epoch, or undefined for what is no time. */
export function parseTime(text: string | null | undefined): number | undefined {
  if (!text) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

export function formatTime(text: string | null | undefined): string {
  const time = parseTime(text);
  if (time === undefined) return '–';
  return new Date(time).toLocaleString('en-GB', {
    day: '2-digit',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
}

/** "3 Mar 2026". */
export function formatDate(text: string | null | undefined): string {
  const time = parseTime(text);
  if (time === undefined) return '–';
  return new Date(time).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}
