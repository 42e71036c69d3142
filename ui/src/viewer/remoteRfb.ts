import RFB from '@novnc/novnc';

/**
 * noVNC asks the session for as many pixels as the window has CSS pixels. We may
 * want more (phones, dense screens) and show them scaled; whole numbers always,
 * since a fraction would be asked for again and again.
 */
export class RemoteRfb extends RFB {
  remoteFactor = 1;
  private asking = false;

  override _requestRemoteResize(): void {
    this.asking = true;
    try {
      super._requestRemoteResize();
    } finally {
      this.asking = false;
    }
  }

  override _screenSize(): { w: number; h: number } {
    const size = super._screenSize();
    if (!this.asking) return size;
    const factor = this.remoteFactor ?? 1;
    return { w: Math.floor(size.w * factor), h: Math.floor(size.h * factor) };
  }
}
