import { Badge, Group, Progress, Text, Title } from '@mantine/core';
import { Link } from 'react-router-dom';
import type { Agent } from '@/api/types';
import { Elapsed } from '@/components/Elapsed';
import { StatusDot } from '@/components/StatusDot';
import { isAdmin, useUser } from '@/hooks/queries';
import { statusColor } from '@/lib/agents';
import { formatCpu, formatMemory } from '@/lib/quantity';
import classes from '../Admin.module.css';
import { AgentMenu } from './AgentMenu';

export function AgentCard({ agent }: { agent: Agent }) {
  const admin = isAdmin(useUser());
  const max = agent.capacity?.maxSessions ?? 0;
  const used = max > 0 ? Math.min(100, (agent.activeSessions / max) * 100) : 0;
  const color = statusColor[agent.status] ?? 'gray';
  return (
    <li className={classes.card} data-testid={`agent-${agent.agentId}`} data-status={agent.status}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <div style={{ minWidth: 0 }}>
          <Title order={2} fz={16} style={{ overflowWrap: 'anywhere' }}>
            {agent.agentId}
          </Title>
          <Text fz="sm" c="dimmed">
            {[agent.platform, agent.region].filter(Boolean).join(' · ')}
          </Text>
        </div>
        <Group gap={6} wrap="nowrap">
          <Badge color={color} tt="capitalize" leftSection={<StatusDot color={color} />}>
            {agent.status}
          </Badge>
          {admin && <AgentMenu agent={agent} />}
        </Group>
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
      {agent.status === 'draining' && (
        <Text fz="sm" c="dimmed">
          It gets no new sessions. {agent.activeSessions > 0 ? 'Those that it has go on.' : 'It has none any more.'}
        </Text>
      )}
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
