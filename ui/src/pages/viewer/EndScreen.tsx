import { Button, Group, Text, ThemeIcon, Title } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconFileText, IconLock, IconMapSearch, IconPlayerPause, type Icon } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router-dom';
import type { Session, Template } from '@/api/types';
import { LogsDrawer } from '@/components/LogsDrawer';
import { useLaunch } from '@/hooks/useLaunch';
import { templateLabel } from '@/lib/templates';
import type { EndKind } from '@/viewer/policy';
import classes from './Viewer.module.css';

interface Props {
  kind: EndKind;
  session?: Session;
  template?: Template;
  reason?: string | null;
}

interface Words {
  icon: Icon;
  color: string;
  title: (label: string) => string;
  text: string;
}

const words: Record<EndKind, Words> = {
  terminated: {
    icon: IconCircleCheck,
    color: 'tide',
    title: (label) => `${label} has ended`,
    text: 'The session is over, and nothing of it is left running.',
  },
  failed: {
    icon: IconAlertTriangle,
    color: 'red',
    title: (label) => `${label} could not go on`,
    text: 'The session failed. Launching it again often helps; its log may say more.',
  },
  hibernated: {
    icon: IconPlayerPause,
    color: 'violet',
    title: (label) => `${label} is paused`,
    text: 'Its programs are kept as they are. This page shows them again as soon as the session is resumed.',
  },
  revoked: {
    icon: IconLock,
    color: 'orange',
    title: (label) => `You no longer have access to ${label}`,
    text: 'Access to this session was withdrawn.',
  },
  signed_out: {
    icon: IconLock,
    color: 'orange',
    title: () => 'You are signed out',
    text: 'Sign in again to come back to this session. It runs on meanwhile.',
  },
  gone: {
    icon: IconMapSearch,
    color: 'gray',
    title: () => 'There is no such session',
    text: 'It may be over, or it is not yours to see.',
  },
};

/** What happened, calmly, and what can be done next. */
export function EndScreen({ kind, session, template, reason }: Props) {
  const { launch, launching } = useLaunch();
  const [logs, setLogs] = useState(false);
  const { icon: Glyph, color, title, text } = words[kind];
  const label = session ? templateLabel(template, session.template) : 'The session';
  const ending = session?.state === 'terminating';
  const again = session && (kind === 'terminated' || kind === 'failed') && template?.available !== false;
  return (
    <main className={classes.center} data-testid="viewer-ended" data-kind={kind}>
      <div className={classes.panel} data-centered>
        <ThemeIcon size={64} radius="xl" variant="light" color={color}>
          <Glyph size={32} stroke={1.5} />
        </ThemeIcon>
        <Title order={1} fz={22} mt="md">
          {ending ? `${label} is ending` : title(label)}
        </Title>
        <Text c="dimmed" mt={6} role="status">
          {ending ? 'Its programs are being closed.' : text}
        </Text>
        {reason && (
          <Text fz="sm" mt="md" className={classes.reason}>
            {reason}
          </Text>
        )}
        <Group mt="xl" justify="center" gap="sm">
          <Button component={Link} to="/" variant={again ? 'default' : 'filled'}>
            Back to applications
          </Button>
          {again && (
            <Button onClick={() => launch({ template: session.template })} loading={launching !== undefined} data-testid="launch-again">
              Launch again
            </Button>
          )}
        </Group>
        {session && kind === 'failed' && (
          <Button mt="sm" variant="subtle" color="gray" leftSection={<IconFileText size={16} aria-hidden />} onClick={() => setLogs(true)}>
            Show its log
          </Button>
        )}
      </div>
      <LogsDrawer name={logs ? session?.name : undefined} label={label} onClose={() => setLogs(false)} />
    </main>
  );
}
