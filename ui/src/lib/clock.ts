// The server's clock, as far as its answers tell. A browser whose clock is off
// would otherwise show sessions that started in the future.

/** Date headers have whole seconds; smaller differences mean nothing. */
const TOLERANCE_MS = 2_000;
let offset = 0;

export function observeServerDate(header: string | null, now: number = Date.now()): void {
  if (!header) return;
  const server = Date.parse(header);
  if (Number.isNaN(server)) return;
  const difference = server - now;
  offset = Math.abs(difference) > TOLERANCE_MS ? difference : 0;
}

export function serverNow(): number {
  return Date.now() + offset;
}
