import { Button, SimpleGrid, Skeleton } from '@mantine/core';
import { IconPlus, IconServer2 } from '@tabler/icons-react';
import { EmptyState } from '@/components/EmptyState';
import { LoadError } from '@/components/LoadError';
import { PageHeader } from '@/components/PageHeader';
import { isAdmin, useAgents, useUser } from '@/hooks/queries';
import { useDialog } from '@/hooks/useDialog';
import { AgentCard } from './AgentCard';
import { AgentTokens } from './AgentTokens';
import { EnrolModal } from './EnrolModal';

export function AgentsPage() {
  const agents = useAgents();
  const admin = isAdmin(useUser());
  const enrolling = useDialog<true>();
  const items = agents.data?.items ?? [];
  const online = items.filter((agent) => agent.status === 'online').length;
  const enrol = admin && (
    <Button leftSection={<IconPlus size={17} aria-hidden />} onClick={() => enrolling.open(true)} data-testid="enrol-agent">
      Add an agent
    </Button>
  );
  return (
    <>
      <PageHeader title="Agents" text={items.length ? `${online} of ${items.length} online` : 'The machines that run sessions'}>
        {items.length > 0 && enrol}
      </PageHeader>
      {agents.isPending ? (
        <SimpleGrid cols={{ base: 1, md: 2 }} role="status" aria-label="Loading agents">
          <Skeleton h={220} radius="lg" />
          <Skeleton h={220} radius="lg" />
        </SimpleGrid>
      ) : agents.isError ? (
        <LoadError error={agents.error} onRetry={() => void agents.refetch()} what="The agents" />
      ) : items.length === 0 ? (
        <EmptyState icon={IconServer2} title="No agent has connected yet" text="An agent runs sessions on its machine. It dials out to this server and appears here by itself.">
          {enrol}
        </EmptyState>
      ) : (
        <SimpleGrid cols={{ base: 1, md: 2 }} component="ul" p={0} m={0} style={{ listStyle: 'none' }}>
          {items.map((agent) => (
            <AgentCard key={agent.agentId} agent={agent} />
          ))}
        </SimpleGrid>
      )}
      {admin && <AgentTokens />}
      <EnrolModal key={enrolling.count} opened={enrolling.opened} onClose={enrolling.close} />
    </>
  );
}
