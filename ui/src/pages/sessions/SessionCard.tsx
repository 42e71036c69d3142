import { ActionIcon, Badge, Button, Group, Text, Title, Tooltip } from '@mantine/core';
import { IconAlertTriangle, IconExternalLink, IconFileText, IconHome, IconPlayerStop, IconShare } from '@tabler/icons-react';
import { Link } from 'react-router-dom';
import type { Session, Template } from '@/api/types';
import { Elapsed } from '@/components/Elapsed';
import { TemplateIcon } from '@/components/icons/TemplateIcon';
import { StateBadge } from '@/components/StateBadge';
import { formatCpu, formatMemory } from '@/lib/quantity';
import { canEnd, isOpenable, isOver, isOwned, isStarting, shortId } from '@/lib/sessions';
import { stageText } from '@/lib/stages';
import { templateLabel } from '@/lib/templates';
import { preloadViewer } from '@/viewer/preload';
import classes from './Sessions.module.css';

interface Props {
  session: Session;
  template: Template | undefined;
  showUser: boolean;
  onEnd: () => void;
  onLogs: () => void;
  onShare: () => void;
}

export function SessionCard({ session, template, showUser, onEnd, onLogs, onShare }: Props) {
  const label = templateLabel(template, session.template);
  const owned = isOwned(session);
  return (
    <li className={classes.card} data-testid={`session-${session.name}`} data-state={session.state} onPointerEnter={preloadViewer}>
      <div className={classes.top}>
        <TemplateIcon icon={template?.icon} name={session.template} category={template?.category} size={48} />
        <div className={classes.title}>
          <Title order={2} fz={16} lh={1.3}>
            {label}
          </Title>
          <Text fz={12.5} c="dimmed" truncate title={session.name}>
            {showUser ? `${session.user} · ` : ''}
            <span className={classes.id}>{shortId(session)}</span>
            {session.agentId ? ` · ${session.agentId}` : ''}
          </Text>
        </div>
        <StateBadge state={session.state} />
      </div>
      <Happening session={session} />
      <Group gap="xs" className={classes.meta}>
        <Text fz={13} c="dimmed">
          {formatCpu(session.resources?.cpu)} · {formatMemory(session.resources?.memory)}
        </Text>
        {session.persistentHome && (
          <Tooltip label="The home directory is kept">
            <Badge color="gray" leftSection={<IconHome size={12} aria-hidden />}>
              Home kept
            </Badge>
          </Tooltip>
        )}
        {session.tags?.map((tag) => (
          <Badge key={tag} color="tide">
            {tag}
          </Badge>
        ))}
      </Group>
      <Group gap="xs" mt="auto" wrap="nowrap">
        {isOpenable(session.state) && (
          <Button
            component={Link}
            to={`/sessions/${session.name}`}
            size="sm"
            leftSection={<IconExternalLink size={16} aria-hidden />}
            aria-label={`Open ${label} ${shortId(session)}`}
            data-testid={`open-${session.name}`}
          >
            Open
          </Button>
        )}
        <span style={{ flex: 1 }} />
        {owned && canEnd(session.state) && (
          <Tooltip label="Share">
            <ActionIcon size={36} onClick={onShare} aria-label={`Share ${label} ${shortId(session)}`} data-testid={`share-session-${session.name}`}>
              <IconShare size={19} />
            </ActionIcon>
          </Tooltip>
        )}
        {owned && (
          <Tooltip label="Log">
            <ActionIcon size={36} onClick={onLogs} aria-label={`Log of ${label} ${shortId(session)}`} data-testid={`logs-${session.name}`}>
              <IconFileText size={19} />
            </ActionIcon>
          </Tooltip>
        )}
        {!owned && <Badge color={session.access === 'view' ? 'yellow' : 'tide'}>{session.access === 'view' ? 'View only' : 'Shared with you'}</Badge>}
        {owned && canEnd(session.state) && (
          <Tooltip label="End session">
            <ActionIcon size={36} color="red" onClick={onEnd} aria-label={`End ${label} ${shortId(session)}`} data-testid={`end-${session.name}`}>
              <IconPlayerStop size={19} />
            </ActionIcon>
          </Tooltip>
        )}
      </Group>
    </li>
  );
}

/** One line on what the session does: its stage while it starts, its age, or why it is over. */
function Happening({ session }: { session: Session }) {
  if (isStarting(session.state)) {
    return (
      <div className={classes.happening}>
        <Group justify="space-between" gap="xs" wrap="nowrap">
          <Text fz="sm" truncate>
            {stageLine(session)}
          </Text>
          <Text fz="sm" c="dimmed" className="tabular">
            <Elapsed since={session.createdAt} />
          </Text>
        </Group>
        <div className={classes.progress} role="progressbar" aria-label="Starting" />
      </div>
    );
  }
  if (isOver(session.state)) {
    return (
      <div className={classes.happening}>
        <Text fz="sm" c={session.state === 'failed' ? 'var(--mantine-color-error)' : undefined}>
          {session.state === 'failed' && <IconAlertTriangle size={15} style={{ verticalAlign: -2, marginRight: 6 }} aria-hidden />}
          {session.reason || (session.state === 'terminating' ? 'Closing its programs' : 'Ended')}
        </Text>
        <Text fz={12.5} c="dimmed">
          <Elapsed since={session.stateSince ?? session.createdAt} ago />
        </Text>
      </div>
    );
  }
  return (
    <div className={classes.happening}>
      <Text fz="sm">
        Up for <Elapsed since={session.createdAt} />
        {session.viewers ? ` · ${session.viewers} ${session.viewers === 1 ? 'viewer' : 'viewers'}` : ''}
      </Text>
      {session.agentOnline === false && (
        <Text fz={12.5} c="dimmed">
          Its machine is not connected just now; the session runs on.
        </Text>
      )}
    </div>
  );
}

function stageLine(session: Session): string {
  if (session.state === 'waking') return 'Resuming';
  if (session.state === 'starting') return stageText(session) ?? 'Starting';
  return session.agentOnline === false ? 'Waiting for its machine to come back' : 'Waiting for a machine';
}
