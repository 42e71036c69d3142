import { useMergedRef } from '@mantine/hooks';
import { useCallback, useEffect, useRef } from 'react';
import { createTicket } from '@/api/endpoints';
import type { Session, Template, Ticket } from '@/api/types';
import type { Seen } from '@/lib/stages';
import type { EndKind } from '@/viewer/policy';
import { useClipboard } from '@/viewer/useClipboard';
import { useStream } from '@/viewer/useStream';
import { useViewerSettings } from '@/viewer/useViewerSettings';
import { StartScreen } from './StartScreen';
import { Toolbar } from './Toolbar';
import { Veil } from './Veil';
import classes from './Viewer.module.css';

interface Props {
  session: Session;
  template: Template | undefined;
  label: string;
  seen: Seen;
  onEnded: (kind: EndKind, reason?: string) => void;
  /** Where tickets come from, when not from the session itself; stable. */
  ticket?: (signal: AbortSignal) => Promise<Ticket>;
  /** For somebody who has a link and may know nothing else of the page. */
  byLink?: boolean;
}

/** The session's screen, and what lies over it. */
export function StreamView({ session, template, label, seen, onEnded, ticket, byLink }: Props) {
  const { preferences, change, settings, sizeRef } = useViewerSettings();
  const own = useCallback((signal: AbortSignal) => createTicket(session.name, signal), [session.name]);
  const onRemote = useRef<(text: string) => void>(() => undefined);
  const stream = useStream(ticket ?? own, settings, (text) => onRemote.current(text));
  const clipboard = useClipboard(stream.screen);
  onRemote.current = clipboard.onRemote;
  const { state, screen } = stream;
  const connected = state.phase === 'connected';

  useEffect(() => {
    if (state.phase === 'ended') onEnded(state.kind, state.reason);
  }, [state, onEnded]);

  // Keys that are held while the focus leaves would stay down in the session.
  useEffect(() => {
    const canvas = screen?.canvas();
    if (!screen || !canvas) return undefined;
    canvas.setAttribute('role', 'application');
    canvas.setAttribute('aria-label', `Screen of ${label}. Ctrl Alt Shift leaves it for the toolbar.`);
    screen.rfb.focus({ preventScroll: true });
    const release = () => screen.releaseKeys();
    canvas.addEventListener('blur', release);
    return () => canvas.removeEventListener('blur', release);
  }, [screen, label]);

  const ref = useMergedRef(stream.targetRef, sizeRef);
  return (
    <>
      <main className={classes.stage}>
        <canvas ref={stream.snapshotRef} className={classes.snapshot} aria-hidden hidden={connected || !stream.everConnected} />
        <div ref={ref} className={classes.screen} data-testid="viewer-screen" data-connected={connected} />
        {!connected && stream.everConnected && <Veil state={state} onRetry={stream.retryNow} />}
        {stream.everConnected && (
        <Toolbar
          session={session}
          template={template}
          label={label}
          connected={connected}
          screen={screen}
          clipboard={clipboard}
          preferences={preferences}
          onlyLooks={stream.onlyLooks}
          byLink={byLink}
          onPreferences={change}
        />
      )}
      </main>
      {!stream.everConnected && state.phase !== 'ended' && (
        <StartScreen
          session={session}
          template={template}
          label={label}
          seen={seen}
          trouble={state.phase === 'reconnecting' ? state.reason : undefined}
        />
      )}
    </>
  );
}
