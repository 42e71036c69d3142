import { Button, Center, Group, SegmentedControl, SimpleGrid, Skeleton, Switch } from '@mantine/core';
import { IconDeviceDesktop, IconHistory, IconShare } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router-dom';
import type { SessionFilter } from '@/api/endpoints';
import type { Session } from '@/api/types';
import { EmptyState } from '@/components/EmptyState';
import { EndSessionModal } from '@/components/EndSessionModal';
import { LoadError } from '@/components/LoadError';
import { LogsDrawer } from '@/components/LogsDrawer';
import { PageHeader } from '@/components/PageHeader';
import { ShareModal } from '@/components/ShareModal';
import { flatten, isOperator, ownSessions, useSessions, useTemplates, useUser } from '@/hooks/queries';
import { serverNow } from '@/lib/clock';
import { isCurrent } from '@/lib/sessions';
import { templateLabel } from '@/lib/templates';
import { SessionCard } from './SessionCard';

type View = 'active' | 'ended' | 'shared';

export function SessionsPage() {
  const user = useUser();
  const [everyone, setEveryone] = useState(false);
  const [view, setView] = useState<View>('active');
  const { sessions, list } = useSessionView(view, everyone ? {} : ownSessions(user));
  const { data: templates = [] } = useTemplates();
  const labelOf = (session: Session) =>
    templateLabel(
      templates.find((template) => template.name === session.template),
      session.template,
    );
  const [ending, setEnding] = useState<Session>();
  const [confirming, setConfirming] = useState(false);
  const [sharing, setSharing] = useState<Session>();
  const [shareOpened, setShareOpened] = useState(false);
  const [logsOf, setLogsOf] = useState<Session>();

  return (
    <>
      <PageHeader title={everyone ? 'Sessions' : 'My sessions'} text="What runs for you, live.">
        <Group gap="lg">
          {isOperator(user) && (
            <Switch
              label="Everyone’s"
              checked={everyone}
              onChange={(event) => setEveryone(event.currentTarget.checked)}
              data-testid="sessions-everyone"
            />
          )}
          <SegmentedControl
            aria-label="Which sessions"
            value={view}
            onChange={(value) => setView(value as View)}
            data={[
              { value: 'active', label: 'Active' },
              { value: 'ended', label: 'Ended' },
              { value: 'shared', label: 'Shared with me' },
            ]}
          />
        </Group>
      </PageHeader>
      {sessions.isPending ? (
        <SimpleGrid cols={{ base: 1, md: 2 }} role="status" aria-label="Loading sessions">
          {Array.from({ length: 4 }, (_, i) => (
            <Skeleton key={i} h={176} radius="lg" />
          ))}
        </SimpleGrid>
      ) : sessions.isError ? (
        <LoadError error={sessions.error} onRetry={() => void sessions.refetch()} what="The sessions" />
      ) : list.length === 0 ? (
        <NoSessions view={view} everyone={everyone} />
      ) : (
        <SimpleGrid cols={{ base: 1, md: 2 }} component="ul" p={0} m={0} style={{ listStyle: 'none' }}>
          {list.map((session) => (
            <SessionCard
              key={session.name}
              session={session}
              template={templates.find((template) => template.name === session.template)}
              showUser={everyone || view === 'shared'}
              onEnd={() => {
                setEnding(session);
                setConfirming(true);
              }}
              onLogs={() => setLogsOf(session)}
              onShare={() => {
                setSharing(session);
                setShareOpened(true);
              }}
            />
          ))}
        </SimpleGrid>
      )}
      {sessions.hasNextPage && (
        <Center mt="lg">
          <Button variant="default" onClick={() => void sessions.fetchNextPage()} loading={sessions.isFetchingNextPage}>
            Show more
          </Button>
        </Center>
      )}
      <EndSessionModal
        session={ending}
        label={ending ? labelOf(ending) : ''}
        opened={confirming}
        onClose={() => setConfirming(false)}
      />
      <ShareModal
        session={sharing}
        label={sharing ? labelOf(sharing) : ''}
        opened={shareOpened}
        onClose={() => setShareOpened(false)}
      />
      <LogsDrawer name={logsOf?.name} label={logsOf ? labelOf(logsOf) : ''} onClose={() => setLogsOf(undefined)} />
    </>
  );
}

function NoSessions({ view, everyone }: { view: View; everyone: boolean }) {
  if (view === 'shared') {
    return <EmptyState icon={IconShare} title="Nothing is shared with you" text="Sessions that others let you see or use are listed here." />;
  }
  if (view === 'ended') {
    return <EmptyState icon={IconHistory} title="No ended sessions" text="Sessions that are over are listed here, with the reason." />;
  }
  return (
    <EmptyState
      icon={IconDeviceDesktop}
      title={everyone ? 'Nobody runs anything' : 'Nothing is running'}
      text="Launch an application; it keeps running here, also while you close the browser."
    >
      <Button component={Link} to="/" mt="sm">
        Browse applications
      </Button>
    </EmptyState>
  );
}

/** What goes on, or what is over; a fresh failure is among both. */
function useSessionView(view: View, filter: SessionFilter) {
  const shared: SessionFilter = { shared: 'true' };
  const sessions = useSessions(view === 'shared' ? shared : view === 'ended' ? { ...filter, state: 'terminated,failed' } : filter);
  const list = newestFirst(flatten(sessions.data));
  const now = serverNow();
  return { sessions, list: view !== 'ended' ? list.filter((session) => isCurrent(session, now)) : list };
}

function newestFirst(sessions: Session[]): Session[] {
  return [...sessions].sort((a, b) => b.createdAt.localeCompare(a.createdAt));
}
