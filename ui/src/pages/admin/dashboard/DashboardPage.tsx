import { Alert, Skeleton, SimpleGrid, Text } from '@mantine/core';
import { IconAlertTriangle, IconMoodCheck } from '@tabler/icons-react';
import { Link } from 'react-router-dom';
import type { Dashboard } from '@/api/operation';
import { SESSION_STATES, type Session, type SessionState } from '@/api/types';
import { Elapsed } from '@/components/Elapsed';
import { LoadError } from '@/components/LoadError';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { StatusDot } from '@/components/StatusDot';
import { useDashboard } from '@/hooks/operation';
import { useAgents } from '@/hooks/queries';
import { statusColor } from '@/lib/agents';
import { shortId, stateColor, stateLabel } from '@/lib/sessions';
import classes from './Dashboard.module.css';

const OVER: ReadonlySet<SessionState> = new Set(['terminated', 'failed']);

export function DashboardPage() {
  const dashboard = useDashboard();
  return (
    <>
      <PageHeader title="Dashboard" text="How everything does, right now." />
      {dashboard.isPending ? (
        <div className={classes.tiles} role="status" aria-label="Loading the dashboard">
          {Array.from({ length: 6 }, (_, i) => (
            <Skeleton key={i} h={104} radius="lg" />
          ))}
        </div>
      ) : dashboard.isError ? (
        <LoadError error={dashboard.error} onRetry={() => void dashboard.refetch()} what="The dashboard" />
      ) : (
        <Figures data={dashboard.data} />
      )}
    </>
  );
}

function Figures({ data }: { data: Dashboard }) {
  const { sessions, agents, commands, streams, orphans, stuck } = data;
  const live = SESSION_STATES.filter((state) => !OVER.has(state)).reduce((sum, state) => sum + (sessions[state] ?? 0), 0);
  const waiting = (commands.pending ?? 0) + (commands.sent ?? 0) + (commands.acknowledged ?? 0);
  return (
    <div className={classes.page}>
      {orphans + stuck > 0 && <Trouble orphans={orphans} stuck={stuck} />}
      <ul className={classes.tiles}>
        <Tile label="Sessions" value={live} note={`${sessions.running ?? 0} running`} to="/sessions" testId="tile-sessions" />
        <Tile label="Agents online" value={agents.online} note={`of ${agents.total}`} to="/admin/agents" bad={agents.online < agents.total} testId="tile-agents" />
        <Tile label="Open screens" value={streams} note="watched right now" testId="tile-streams" />
        <Tile label="Open commands" value={waiting} note={`${commands.pending ?? 0} waiting`} to="/admin/commands" testId="tile-commands" />
        <Tile label="Orphans" value={orphans} note={orphans ? 'run, but nobody wants them' : 'as it should be'} bad={orphans > 0} good={orphans === 0} testId="tile-orphans" />
        <Tile label="Stuck" value={stuck} note={stuck ? 'beyond their deadline' : 'as it should be'} bad={stuck > 0} good={stuck === 0} testId="tile-stuck" />
      </ul>
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing={20}>
        <States sessions={sessions} live={live} />
        <Load />
      </SimpleGrid>
      <Failures list={data.recentFailures} />
    </div>
  );
}

function Trouble({ orphans, stuck }: { orphans: number; stuck: number }) {
  return (
    <Alert color="red" icon={<IconAlertTriangle size={18} />} title="Something needs looking at" role="alert">
      {orphans > 0 && <div>{orphans} sessions run on agents although they are over here. They are being stopped; should the number stay, look at the agents.</div>}
      {stuck > 0 && <div>{stuck} sessions or commands are beyond their deadline. The log of the server says why.</div>}
    </Alert>
  );
}

interface TileProps {
  label: string;
  value: number;
  note: string;
  to?: string;
  good?: boolean;
  bad?: boolean;
  testId: string;
}

function Tile({ label, value, note, to, good, bad, testId }: TileProps) {
  const inner = (
    <>
      <span className={classes.label}>
        {(good || bad) && <StatusDot color={bad ? 'red' : 'green'} />}
        {label}
      </span>
      <span className={`${classes.value} tabular`} data-bad={bad || undefined} data-testid={testId}>
        {value}
      </span>
      <span className={classes.note}>{note}</span>
    </>
  );
  return (
    <li>
      {to ? (
        <Link to={to} className={classes.tile}>
          {inner}
        </Link>
      ) : (
        <div className={classes.tile}>{inner}</div>
      )}
    </li>
  );
}

function States({ sessions, live }: { sessions: Dashboard['sessions']; live: number }) {
  const shown = SESSION_STATES.filter((state) => !OVER.has(state) && (sessions[state] ?? 0) > 0);
  return (
    <Panel title="Sessions by state">
      {live === 0 ? (
        <Text fz="sm" c="dimmed">
          Nothing runs.
        </Text>
      ) : (
        <>
          <div className={classes.bar} aria-hidden>
            {shown.map((state) => (
              <span key={state} style={{ flexGrow: sessions[state], background: `var(--mantine-color-${stateColor[state]}-6)` }} />
            ))}
          </div>
          <ul className={classes.legend}>
            {shown.map((state) => (
              <li key={state}>
                <StatusDot color={stateColor[state]} />
                {stateLabel[state]}
                <strong className="tabular">{sessions[state]}</strong>
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

/** The fullest agents; the page of agents has them all. */
const AGENTS_SHOWN = 5;

function Load() {
  const agents = useAgents();
  const items = [...(agents.data?.items ?? [])]
    .map((agent) => ({ agent, max: agent.capacity?.maxSessions ?? 0 }))
    .sort((a, b) => b.agent.activeSessions / (b.max || 1) - a.agent.activeSessions / (a.max || 1))
    .slice(0, AGENTS_SHOWN);
  return (
    <Panel
      title="Agents"
      action={
        <Link to="/admin/agents" className={classes.all}>
          All agents
        </Link>
      }
    >
      {agents.isPending ? (
        <Skeleton h={60} />
      ) : items.length === 0 ? (
        <Text fz="sm" c="dimmed">
          No agent has connected yet.
        </Text>
      ) : (
        <ul className={classes.agents}>
          {items.map(({ agent, max }) => (
            <li key={agent.agentId}>
              <StatusDot color={statusColor[agent.status] ?? 'gray'} />
              <span className={classes.name}>{agent.agentId}</span>
              <span className={classes.status}>{agent.status}</span>
              <span className={classes.track} aria-hidden>
                <span style={{ width: `${max ? Math.min(100, (agent.activeSessions / max) * 100) : 0}%` }} />
              </span>
              <span className={`${classes.figure} tabular`}>
                {agent.activeSessions}
                {max > 0 && ` of ${max}`}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Failures({ list }: { list: Session[] }) {
  return (
    <Panel title="Recent failures" text={list.length ? 'Sessions that failed, the newest first.' : undefined}>
      {list.length === 0 ? (
        <div className={classes.fine}>
          <IconMoodCheck size={20} stroke={1.6} aria-hidden />
          No session has failed lately.
        </div>
      ) : (
        <ul className={classes.failures}>
          {list.map((session) => (
            <li key={session.name}>
              <div className={classes.what}>
                <Link to={`/sessions/${session.name}`} className={classes.all}>
                  {session.template} <span className={classes.short}>{shortId(session)}</span>
                </Link>
                <span className={classes.note}>
                  {session.user}
                  {session.agentId ? ` on ${session.agentId}` : ''} · <Elapsed since={session.stateSince ?? session.createdAt} ago />
                </span>
              </div>
              <div className={classes.reason}>{session.reason ?? 'No reason was given.'}</div>
              <Link to={`/admin/commands?session=${encodeURIComponent(session.name)}`} className={classes.all}>
                Its commands
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
