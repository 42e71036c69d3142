/** Fetches the viewer's code ahead of its first use; later calls cost nothing. */
export function preloadViewer(): void {
  void import('@/pages/viewer/ViewerPage').catch(() => undefined);
  void import('./screen').catch(() => undefined);
}
