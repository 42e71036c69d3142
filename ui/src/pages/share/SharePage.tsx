import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';
import { Navigate, useLocation, useParams } from 'react-router-dom';
import { ApiError, errorText } from '@/api/http';
import { keys } from '@/api/keys';
import { createSharedTicket, type SharedSession } from '@/api/shares';
import type { Session, Template } from '@/api/types';
import { FullPageMessage, Splash } from '@/components/FullPage';
import { TemplateIcon } from '@/components/icons/TemplateIcon';
import { useShared } from '@/hooks/shares';
import { isOver, isPaused } from '@/lib/sessions';
import { StreamView } from '@/pages/viewer/StreamView';
import classes from '@/pages/viewer/Viewer.module.css';
import type { EndKind } from '@/viewer/policy';
import { preloadViewer } from '@/viewer/preload';
import { useSeen } from '@/viewer/useSeen';
import { useSessionTitle } from '@/viewer/useSessionTitle';

/** What somebody sees who was given a link: the session's screen and nothing else of the page. */
export function SharePage() {
  const { token = '' } = useParams();
  const location = useLocation();
  const shared = useShared(token);
  useEffect(preloadViewer, []);

  if (shared.data) return <Shared key={token} token={token} shared={shared.data} />;
  if (shared.isPending) return <Splash />;
  if (shared.error instanceof ApiError && shared.error.code === 'sign_in_first') {
    return <Navigate to={`/login?next=${encodeURIComponent(location.pathname)}`} replace />;
  }
  if (shared.error instanceof ApiError && shared.error.status === 404) {
    return <FullPageMessage title="This link leads nowhere" text="It has expired, was withdrawn, or is not complete. Ask whoever gave it to you." />;
  }
  return (
    <FullPageMessage
      title="The session could not be loaded"
      text={errorText(shared.error)}
      action={{ label: 'Try again', onClick: () => void shared.refetch(), loading: shared.isFetching }}
    />
  );
}

function Shared({ token, shared }: { token: string; shared: SharedSession }) {
  const client = useQueryClient();
  const [ended, setEnded] = useState<{ kind: EndKind; reason?: string }>();
  const icon = useRef<SVGSVGElement>(null);
  const session = asSession(shared);
  const template = asTemplate(shared);
  const seen = useSeen(session);
  useSessionTitle(shared.displayName, undefined, icon, shared.icon ?? shared.template);
  const ticket = useCallback((signal: AbortSignal) => createSharedTicket(token, signal), [token]);
  const onEnded = useCallback(
    (kind: EndKind, reason?: string) => {
      setEnded({ kind, reason });
      void client.invalidateQueries({ queryKey: keys.shared(token) });
    },
    [client, token],
  );

  const message = endMessage(shared, ended?.kind);
  if (message) {
    return (
      <div data-testid="share-ended" data-kind={ended?.kind ?? shared.state}>
        <FullPageMessage title={message.title} text={message.text} />
      </div>
    );
  }
  return (
    <div className={classes.root}>
      <TemplateIcon ref={icon} icon={shared.icon} name={shared.template} className={classes.hiddenIcon} />
      <StreamView session={session} template={template} label={shared.displayName} seen={seen} onEnded={onEnded} ticket={ticket} byLink />
    </div>
  );
}

/** Why there is no picture to be had, if there is none. */
function endMessage(shared: SharedSession, kind: EndKind | undefined): { title: string; text: string } | undefined {
  if (kind === 'revoked' || kind === 'gone' || kind === 'signed_out') {
    return { title: 'You can no longer see this session', text: 'The link has expired, or was withdrawn.' };
  }
  if (kind === 'terminated' || kind === 'failed' || isOver(shared.state)) {
    return { title: `${shared.displayName} has ended`, text: `${shared.owner}’s session is over.` };
  }
  if (kind === 'hibernated' || isPaused(shared.state)) {
    return { title: `${shared.displayName} is paused`, text: `It is shown again when ${shared.owner} resumes it and you open the link anew.` };
  }
  return undefined;
}

function asSession(shared: SharedSession): Session {
  return { name: shared.name, user: shared.owner, template: shared.template, state: shared.state, access: shared.mode, createdAt: '' };
}

function asTemplate(shared: SharedSession): Template {
  return { name: shared.template, displayName: shared.displayName, icon: shared.icon, protocol: 'vnc' };
}
