import { useCallback, useEffect, useRef, useState } from 'react';
import type { Screen } from './screen';

/** Whether this browser lets the page read its clipboard: by itself, after asking, or not at all. */
export type ClipboardAccess = 'automatic' | 'ask' | 'manual';

export interface ClipboardSync {
  /** The newest text of either side. */
  text: string;
  access: ClipboardAccess;
  /** To be wired to the screen. */
  onRemote(text: string): void;
  send(text: string): void;
  /** Asks for the permission; from a click only. */
  enable(): Promise<void>;
}

/** Far more than anybody copies by hand; the session's clipboard is no file transfer. */
const MAX_TEXT = 1_000_000;

export function useClipboard(screen: Screen | null): ClipboardSync {
  const [text, setText] = useState('');
  const [access, setAccess] = useState<ClipboardAccess>(navigator.clipboard ? 'ask' : 'manual');
  const last = useRef('');

  useEffect(() => watchAccess(setAccess), []);

  const onRemote = useCallback((remote: string) => {
    last.current = remote;
    setText(remote);
    // Browsers allow writing to the page that has the focus; others get the panel.
    if (document.hasFocus()) navigator.clipboard?.writeText(remote).catch(() => undefined);
  }, []);

  const send = useCallback(
    (local: string) => {
      const cut = local.slice(0, MAX_TEXT);
      last.current = cut;
      setText(cut);
      screen?.rfb.clipboardPasteFrom(cut);
    },
    [screen],
  );

  const read = useCallback(async () => {
    const local = await navigator.clipboard.readText();
    if (local && local !== last.current) send(local);
  }, [send]);

  // What was copied elsewhere comes along when one returns to the session.
  useEffect(() => {
    if (!screen || access !== 'automatic') return undefined;
    const onFocus = () => void read().catch(() => undefined);
    onFocus();
    window.addEventListener('focus', onFocus);
    const canvas = screen.canvas();
    canvas?.addEventListener('focus', onFocus);
    return () => {
      window.removeEventListener('focus', onFocus);
      canvas?.removeEventListener('focus', onFocus);
    };
  }, [screen, access, read]);

  const enable = useCallback(async () => {
    try {
      await read();
      setAccess('automatic');
    } catch {
      setAccess('manual');
    }
  }, [read]);

  return { text, access, onRemote, send, enable };
}

function watchAccess(tell: (access: ClipboardAccess) => void): () => void {
  let status: PermissionStatus | undefined;
  let stopped = false;
  const update = () => {
    if (!status || stopped) return;
    tell(status.state === 'granted' ? 'automatic' : status.state === 'prompt' ? 'ask' : 'manual');
  };
  // Not every browser knows this permission; those ask at each reading, so the panel serves.
  navigator.permissions
    ?.query({ name: 'clipboard-read' as PermissionName })
    .then((found) => {
      status = found;
      update();
      found.addEventListener('change', update);
    })
    .catch(() => !stopped && tell('manual'));
  return () => {
    stopped = true;
    status?.removeEventListener('change', update);
  };
}
