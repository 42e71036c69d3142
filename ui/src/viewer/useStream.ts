import { useCallback, useEffect, useRef, useState } from 'react';
import type { Ticket } from '@/api/types';
import { Connection, type ConnectionState } from './connection';
import type { Screen, ScreenSettings } from './screen';
import { takeSnapshot } from './snapshot';

export interface StreamHandle {
  state: ConnectionState;
  /** Whether a picture has been there at all. */
  everConnected: boolean;
  /** The live screen; null between connections. */
  screen: Screen | null;
  /** The stream shows and takes nothing. */
  onlyLooks: boolean;
  targetRef: React.RefObject<HTMLDivElement>;
  /** Holds the last picture while there is no live one. */
  snapshotRef: React.RefObject<HTMLCanvasElement>;
  retryNow(): void;
}

/** Streams one session into `targetRef` for as long as the component lives; `getTicket` must be stable. */
export function useStream(getTicket: (signal: AbortSignal) => Promise<Ticket>, settings: Omit<ScreenSettings, 'viewOnly'>, onClipboard: (text: string) => void): StreamHandle {
  const targetRef = useRef<HTMLDivElement>(null);
  const snapshotRef = useRef<HTMLCanvasElement>(null);
  const connection = useRef<Connection>();
  const [state, setState] = useState<ConnectionState>({ phase: 'connecting' });
  const viewOnly = useRef(false);
  const [onlyLooks, setOnlyLooks] = useState(false);
  const [everConnected, setEverConnected] = useState(false);
  const [screen, setScreen] = useState<Screen | null>(null);
  const latest = useRef({ settings, onClipboard });
  latest.current = { settings, onClipboard };

  useEffect(() => {
    let ScreenClass: typeof Screen | undefined;
    const current = new Connection({
      async ticket(signal) {
        const [ticket, module] = await Promise.all([getTicket(signal), import('./screen')]);
        ScreenClass = module.Screen;
        viewOnly.current = ticket.mode === 'view';
        setOnlyLooks(viewOnly.current);
        return ticket;
      },
      open(url, events) {
        const target = targetRef.current;
        if (!target || !ScreenClass) throw new Error('the viewer is gone');
        const opened = new ScreenClass(target, url, { ...latest.current.settings, viewOnly: viewOnly.current }, {
          onConnected() {
            setScreen(opened);
            setEverConnected(true);
            events.onConnected();
          },
          onClosed(code, reason) {
            takeSnapshot(opened.canvas(), snapshotRef.current);
            setScreen(null);
            events.onClosed(code, reason);
          },
          onClipboard: (text) => latest.current.onClipboard(text),
        });
        return opened;
      },
      onState: setState,
    });
    connection.current = current;
    current.start();
    const retry = () => current.retryNow();
    window.addEventListener('online', retry);
    document.addEventListener('visibilitychange', retry);
    return () => {
      window.removeEventListener('online', retry);
      document.removeEventListener('visibilitychange', retry);
      current.stop();
      setScreen(null);
    };
  }, [getTicket]);

  useEffect(() => {
    screen?.apply({ ...settings, viewOnly: onlyLooks });
  }, [screen, settings, onlyLooks]);

  const retryNow = useCallback(() => connection.current?.retryNow(), []);
  return { state, everConnected, screen, onlyLooks, targetRef, snapshotRef, retryNow };
}
