import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { keys } from '@/api/keys';
import type { Session, SessionState, Template } from '@/api/types';
import { TemplateIcon } from '@/components/icons/TemplateIcon';
import { isOver, isPaused, isStarting, stateLabel } from '@/lib/sessions';
import { templateLabel } from '@/lib/templates';
import type { EndKind } from '@/viewer/policy';
import { preloadViewer } from '@/viewer/preload';
import { useSeen } from '@/viewer/useSeen';
import { useSessionTitle } from '@/viewer/useSessionTitle';
import { EndScreen } from './EndScreen';
import { StartScreen } from './StartScreen';
import { StreamView } from './StreamView';
import classes from './Viewer.module.css';

interface Props {
  session: Session;
  template: Template | undefined;
}

interface Ended {
  kind: EndKind;
  reason?: string;
}

/** One session's page: how it comes up, its screen, how it ended. */
export function SessionView({ session, template }: Props) {
  const client = useQueryClient();
  const seen = useSeen(session);
  const [ended, setEnded] = useState<Ended>();
  const icon = useRef<SVGSVGElement>(null);
  const label = templateLabel(template, session.template);
  useSessionTitle(label, session.state === 'running' ? undefined : stateLabel[session.state], icon, template?.icon ?? session.template);
  useEffect(preloadViewer, []);
  useForgetEnd(session.state, useCallback(() => setEnded(undefined), []));

  const onEnded = useCallback(
    (kind: EndKind, reason?: string) => {
      setEnded({ kind, reason });
      void client.invalidateQueries({ queryKey: keys.session(session.name) });
      void client.invalidateQueries({ queryKey: keys.sessions });
    },
    [client, session.name],
  );

  return (
    <div className={classes.root}>
      <TemplateIcon ref={icon} icon={template?.icon} name={session.template} category={template?.category} className={classes.hiddenIcon} />
      <Content session={session} template={template} label={label} seen={seen} ended={ended} onEnded={onEnded} />
    </div>
  );
}

interface ContentProps extends Props {
  label: string;
  seen: ReturnType<typeof useSeen>;
  ended: Ended | undefined;
  onEnded: (kind: EndKind, reason?: string) => void;
}

function Content({ session, template, label, seen, ended, onEnded }: ContentProps) {
  if (isOver(session.state)) {
    const kind = session.state === 'failed' ? 'failed' : 'terminated';
    return <EndScreen kind={kind} session={session} template={template} reason={session.reason ?? ended?.reason} />;
  }
  if (isPaused(session.state)) return <EndScreen kind="hibernated" session={session} template={template} />;
  if (ended) return <EndScreen kind={ended.kind} session={session} template={template} reason={ended.reason} />;
  if (isStarting(session.state)) return <StartScreen session={session} template={template} label={label} seen={seen} />;
  return <StreamView session={session} template={template} label={label} seen={seen} onEnded={onEnded} />;
}

/** A session that comes up again after its stream ended is shown again. */
function useForgetEnd(state: SessionState, forget: () => void) {
  const before = useRef(state);
  useEffect(() => {
    if (before.current !== state && (state === 'running' || isStarting(state))) forget();
    before.current = state;
  }, [state, forget]);
}
