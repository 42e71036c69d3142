import { Button, Center, CloseButton, Group, Select, Skeleton, Stack, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconFilterOff, IconListDetails } from '@tabler/icons-react';
import { useState } from 'react';
import { useSearchParams } from 'react-router-dom';
import { COMMAND_STATUSES } from '@/api/types';
import { EmptyState } from '@/components/EmptyState';
import { LoadError } from '@/components/LoadError';
import { PageHeader } from '@/components/PageHeader';
import { flatten, useAgents, useCommands } from '@/hooks/queries';
import { CommandRow } from './CommandRow';

export function CommandsPage() {
  const [params, setParams] = useSearchParams();
  const filter = {
    agent: params.get('agent') ?? undefined,
    session: params.get('session') ?? undefined,
    status: params.get('status') ?? undefined,
  };
  const filtered = Object.values(filter).some(Boolean);
  const commands = useCommands(filter);
  const agents = useAgents();
  const list = flatten(commands.data);

  function set(key: keyof typeof filter, value: string | null) {
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        if (value) next.set(key, value);
        else next.delete(key);
        return next;
      },
      { replace: true },
    );
  }

  return (
    <>
      <PageHeader title="Commands" text="What was asked of the agents, and how far it got." />
      <Group mb="md" gap="sm" align="flex-end">
        <Select
          label="Agent"
          placeholder="Any"
          clearable
          searchable
          style={{ flex: '1 1 140px', maxWidth: 200 }}
          data={withChosen((agents.data?.items ?? []).map((agent) => agent.agentId), filter.agent)}
          value={filter.agent ?? null}
          onChange={(value) => set('agent', value)}
          clearButtonProps={{ 'aria-label': 'Any agent' }}
        />
        <Select
          label="Status"
          placeholder="Any"
          clearable
          style={{ flex: '1 1 140px', maxWidth: 180 }}
          data={COMMAND_STATUSES.map((status) => ({ value: status, label: status.charAt(0).toUpperCase() + status.slice(1) }))}
          value={filter.status ?? null}
          onChange={(value) => set('status', value)}
          clearButtonProps={{ 'aria-label': 'Any status' }}
        />
        <SessionInput key={filter.session ?? ''} value={filter.session ?? ''} onChange={(value) => set('session', value)} />
      </Group>
      {commands.isPending ? (
        <Stack gap={6} role="status" aria-label="Loading commands">
          {Array.from({ length: 6 }, (_, i) => (
            <Skeleton key={i} h={58} radius="md" />
          ))}
        </Stack>
      ) : commands.isError ? (
        <LoadError error={commands.error} onRetry={() => void commands.refetch()} what="The commands" />
      ) : list.length === 0 ? (
        filtered ? (
          <EmptyState icon={IconFilterOff} title="No command fits" text="Nothing matches these filters.">
            <Button variant="default" mt="sm" onClick={() => setParams({}, { replace: true })}>
              Clear the filters
            </Button>
          </EmptyState>
        ) : (
          <EmptyState icon={IconListDetails} title="No commands yet" text="Starting or ending a session queues one." />
        )
      ) : (
        <Stack gap={8} component="ul" p={0} m={0} style={{ listStyle: 'none' }}>
          {list.map((command) => (
            <CommandRow key={command.commandId} command={command} />
          ))}
        </Stack>
      )}
      {commands.hasNextPage && (
        <Center mt="lg">
          <Button variant="default" onClick={() => void commands.fetchNextPage()} loading={commands.isFetchingNextPage}>
            Show more
          </Button>
        </Center>
      )}
    </>
  );
}

/** Tells others after a pause in the typing. */
function SessionInput({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  const tell = useDebouncedCallback(onChange, 500);
  const change = (next: string) => {
    setText(next);
    tell(next.trim());
  };
  return (
    <TextInput
      label="Session"
      placeholder="Any"
      style={{ flex: '1 1 220px', maxWidth: 360 }}
      value={text}
      autoFocus={false}
      onChange={(event) => change(event.currentTarget.value)}
      rightSection={text ? <CloseButton size="sm" aria-label="Any session" onClick={() => change('')} /> : undefined}
    />
  );
}

function withChosen(options: string[], chosen: string | undefined): string[] {
  return chosen && !options.includes(chosen) ? [chosen, ...options] : options;
}
