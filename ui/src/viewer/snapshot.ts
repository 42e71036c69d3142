/** Copies the last picture of a stream, so that it stays while the next one is fetched. */
export function takeSnapshot(from: HTMLCanvasElement | null, to: HTMLCanvasElement | null): void {
  if (!from || !to || from.width === 0 || from.height === 0) return;
  to.width = from.width;
  to.height = from.height;
  to.getContext('2d')?.drawImage(from, 0, 0);
}
