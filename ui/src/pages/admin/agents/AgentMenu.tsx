import { ActionIcon, Button, Group, Menu, Modal, TagsInput, Text } from '@mantine/core';
import { IconDots, IconPlayerPlay, IconPlugConnectedX, IconTag, IconTrash } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError } from '@/api/http';
import { keys } from '@/api/keys';
import { deleteAgent, updateAgent } from '@/api/operation';
import type { Agent, Page } from '@/api/types';
import { ConfirmModal } from '@/components/ConfirmModal';
import { Form } from '@/components/form/Form';
import { useChange } from '@/hooks/useChange';
import { useDialog } from '@/hooks/useDialog';
import { useFields } from '@/hooks/useFields';
import { labelTexts, parseLabel } from '@/lib/agents';
import { notify, notifyError } from '@/lib/notify';

const STALE = [keys.agents, keys.dashboard];

export function AgentMenu({ agent }: { agent: Agent }) {
  const client = useQueryClient();
  const draining = useDialog<true>();
  const labels = useDialog<true>();
  const deleting = useDialog<true>();
  const setStatus = useChange((status: 'draining' | 'online') => updateAgent(agent.agentId, { status }), STALE);

  function change(status: 'draining' | 'online', done: string) {
    setStatus.mutate(status, {
      onSuccess(answer) {
        draining.close();
        notify(done, agent.agentId);
        client.setQueryData<Page<Agent>>(
          keys.agents,
          (old) => old && { ...old, items: old.items.map((other) => (other.agentId === agent.agentId ? { ...other, ...answer } : other)) },
        );
      },
      onError: (error) => status === 'online' && notifyError('Could not resume', error),
    });
  }

  return (
    <>
      <Menu position="bottom-end" width={210}>
        <Menu.Target>
          <ActionIcon size={36} mt={-6} mr={-8} aria-label={`Actions for ${agent.agentId}`} data-testid={`agent-menu-${agent.agentId}`}>
            <IconDots size={19} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {agent.status === 'draining' ? (
            <Menu.Item leftSection={<IconPlayerPlay size={17} />} onClick={() => change('online', 'Takes sessions again')} data-testid="agent-resume">
              Resume
            </Menu.Item>
          ) : (
            <Menu.Item leftSection={<IconPlugConnectedX size={17} />} onClick={() => draining.open(true)} data-testid="agent-drain">
              Drain
            </Menu.Item>
          )}
          <Menu.Item leftSection={<IconTag size={17} />} onClick={() => labels.open(true)} data-testid="agent-labels">
            Labels
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item leftSection={<IconTrash size={17} />} c="var(--mantine-color-error)" onClick={() => deleting.open(true)} data-testid="agent-delete">
            Delete
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <ConfirmModal
        opened={draining.opened}
        onClose={draining.close}
        title={`Drain ${agent.agentId}?`}
        confirm="Drain"
        harmless
        pending={setStatus.isPending}
        error={setStatus.error}
        onConfirm={() => change('draining', 'Gets no new sessions')}
      >
        It gets no new sessions until you resume it.{' '}
        {agent.activeSessions > 0 ? `The ${agent.activeSessions} that run on it go on, and end when their users end them.` : 'It has none just now.'}
      </ConfirmModal>
      <Modal opened={labels.opened} onClose={labels.close} title={<Text fw={650}>Labels of {agent.agentId}</Text>}>
        <LabelsForm key={labels.count} agent={agent} onDone={labels.close} />
      </Modal>
      <DeleteAgent agent={agent} opened={deleting.opened} onClose={deleting.close} />
    </>
  );
}

function LabelsForm({ agent, onDone }: { agent: Agent; onDone: () => void }) {
  const [texts, setTexts] = useState(() => labelTexts(agent.labels));
  const save = useChange((labels: Record<string, string>) => updateAgent(agent.agentId, { labels }), STALE);
  const fields = useFields({ labels: '' }, save.error);

  function submit() {
    const wrong = texts.find((text) => !parseLabel(text));
    if (fields.refuse({ labels: wrong ? `“${wrong}” is no label: write name=value` : undefined })) return;
    const labels = Object.fromEntries(texts.map((text) => parseLabel(text) ?? ['', '']));
    save.mutate(labels, {
      onSuccess() {
        notify('Labels saved', agent.agentId);
        onDone();
      },
    });
  }

  return (
    <Form onSubmit={submit} fields={fields}>
      <TagsInput
        label="Labels"
        description="Templates can demand labels of the agent that runs them: disk=ssd, gpu=yes"
        placeholder={texts.length ? undefined : 'name=value, then Enter'}
        value={texts}
        onChange={(next) => {
          setTexts(next);
          fields.set({ labels: next.join(' ') });
        }}
        maxTags={32}
        error={fields.errorOf('labels')}
        data-autofocus
        data-testid="labels-input"
      />
      <Group justify="flex-end">
        <Button type="submit" loading={save.isPending} data-testid="labels-save">
          Save
        </Button>
      </Group>
    </Form>
  );
}

/** Refusals that `force` overrules. */
const OVERRULED: ReadonlySet<string> = new Set(['agent_online', 'agent_has_sessions']);

function DeleteAgent({ agent, opened, onClose }: { agent: Agent; opened: boolean; onClose: () => void }) {
  const remove = useChange((force: boolean) => deleteAgent(agent.agentId, force), [...STALE, keys.sessions]);
  const refused = remove.error instanceof ApiError && OVERRULED.has(remove.error.code);
  return (
    <ConfirmModal
      opened={opened}
      onClose={() => {
        onClose();
        remove.reset();
      }}
      title={`Delete ${agent.agentId}?`}
      confirm={refused ? 'Delete it all the same' : 'Delete agent'}
      pending={remove.isPending}
      error={refused ? undefined : remove.error}
      onConfirm={() =>
        remove.mutate(refused, {
          onSuccess() {
            onClose();
            notify('Agent deleted', agent.agentId);
          },
        })
      }
    >
      {refused ? (
        <>
          {remove.error?.message} Deleting it all the same <strong>fails its {agent.activeSessions} sessions</strong>: their programs are lost. The
          agent is cut off and needs a new enrolment token to come back.
        </>
      ) : (
        <>The agent is forgotten, and its key stops working. To come back it needs a new enrolment token. Its finished sessions stay in the history.</>
      )}
    </ConfirmModal>
  );
}
