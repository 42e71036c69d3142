import { Badge, Code, Group, Progress, SimpleGrid, Skeleton, Text, Title } from '@mantine/core';
import { IconServer2 } from '@tabler/icons-react';
import { Link } from 'react-router-dom';
import type { Agent, AgentStatus } from '@/api/types';
import { Elapsed } from '@/components/Elapsed';
import { EmptyState } from '@/components/EmptyState';
import { LoadError } from '@/components/LoadError';
import { PageHeader } from '@/components/PageHeader';
import { StatusDot } from '@/components/StatusDot';
import { useAgents } from '@/hooks/queries';
import { formatCpu, formatMemory } from '@/lib/quantity';
import classes from './Admin.module.css';

const statusColor: Record<AgentStatus, string> = { online: 'green', degraded: 'yellow', offline: 'red', draining: 'violet' };

export function AgentsPage() {
  const agents = useAgents();
  const items = agents.data?.items ?? [];
  const online = items.filter((agent) => agent.status === 'online').length;
  return (
    <>
      <PageHeader title="Agents" text={items.length ? `${online} of ${items.length} online` : 'The machines that run sessions'} />
      {agents.isPending ? (
        <SimpleGrid cols={{ base: 1, md: 2 }} role="status" aria-label="Loading agents">
          <Skeleton h={220} radius="lg" />
          <Skeleton h={220} radius="lg" />
        </SimpleGrid>
      ) : agents.isError ? (
        <LoadError error={agents.error} onRetry={() => void agents.refetch()} what="The agents" />
      ) : items.length === 0 ? (
        <EmptyState
          icon={IconServer2}
          title="No agent has connected yet"
          text={
            <>
              Start one with <Code>streamspace agent</Code> on a machine that shall run sessions. It appears here by itself.
            </>
          }
        />
      ) : (
        <SimpleGrid cols={{ base: 1, md: 2 }} component="ul" p={0} m={0} style={{ listStyle: 'none' }}>
          {items.map((agent) => (
            <AgentCard key={agent.agentId} agent={agent} />
          ))}
        </SimpleGrid>
      )}
    </>
  );
}

function AgentCard({ agent }: { agent: Agent }) {
  const max = agent.capacity?.maxSessions ?? 0;
  const used = max > 0 ? Math.min(100, (agent.activeSessions / max) * 100) : 0;
  return (
    <li className={classes.card} data-testid={`agent-${agent.agentId}`} data-status={agent.status}>
      <Group justify="space-between" wrap="nowrap">
        <div style={{ minWidth: 0 }}>
          <Title order={2} fz={16} style={{ overflowWrap: 'anywhere' }}>
            {agent.agentId}
          </Title>
          <Text fz="sm" c="dimmed">
            {[agent.platform, agent.region].filter(Boolean).join(' · ')}
          </Text>
        </div>
        <Badge color={statusColor[agent.status] ?? 'gray'} tt="capitalize" leftSection={<StatusDot color={statusColor[agent.status] ?? 'gray'} />}>
          {agent.status}
        </Badge>
      </Group>
      <div>
        <Group justify="space-between" mb={6}>
          <Text fz="sm">Sessions</Text>
          <Text fz="sm" fw={600} className="tabular">
            {agent.activeSessions}
            {max > 0 && ` of ${max}`}
          </Text>
        </Group>
        <Progress value={used} color={used > 90 ? 'red' : used > 75 ? 'yellow' : 'tide'} size={6} aria-label={`${Math.round(used)} % of the sessions in use`} />
      </div>
      <dl className={classes.facts}>
        <Fact name="CPU">{formatCpu(agent.capacity?.cpu)}</Fact>
        <Fact name="Memory">{formatMemory(agent.capacity?.memory)}</Fact>
        <Fact name="Last heartbeat">
          <Elapsed since={agent.lastHeartbeat} ago />
        </Fact>
        <Fact name="Version">{agent.version || '–'}</Fact>
        {agent.replica && <Fact name="Replica">{agent.replica}</Fact>}
      </dl>
      <Group gap={6} mt="auto">
        {Object.entries(agent.labels ?? {}).map(([key, value]) => (
          <Badge key={key} color="gray" fw={500}>
            {key}={value}
          </Badge>
        ))}
        <Text component={Link} to={`/admin/commands?agent=${encodeURIComponent(agent.agentId)}`} className={classes.link} fz="sm" ml="auto">
          Its commands
        </Text>
      </Group>
    </li>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
