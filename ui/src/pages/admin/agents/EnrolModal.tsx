import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { keys } from '@/api/keys';
import { createAgentToken, type NewAgentToken } from '@/api/operation';
import { CopyLine } from '@/components/CopyLine';
import { Form } from '@/components/form/Form';
import { useChange } from '@/hooks/useChange';
import { useFields } from '@/hooks/useFields';
import { formatTime } from '@/lib/duration';

interface Props {
  opened: boolean;
  onClose: () => void;
}

export function EnrolModal({ opened, onClose }: Props) {
  const create = useChange((agentId: string) => createAgentToken(agentId || undefined), [keys.agentTokens]);
  return (
    <Modal opened={opened} onClose={onClose} size={600} closeOnClickOutside={!create.data} title={<Text fw={650}>Add an agent</Text>}>
      {create.data ? <Command made={create.data} onDone={onClose} /> : <TokenForm error={create.error} pending={create.isPending} onCreate={create.mutate} />}
    </Modal>
  );
}

interface FormProps {
  error: unknown;
  pending: boolean;
  onCreate: (agentId: string) => void;
}

function TokenForm({ error, pending, onCreate }: FormProps) {
  const fields = useFields({ agentId: '' }, error);
  function submit() {
    const agentId = fields.values.agentId.trim();
    const wrong = agentId !== '' && !/^[a-z0-9][a-z0-9-]{2,62}$/.test(agentId);
    if (!fields.refuse({ agentId: wrong ? '3 to 63 of a–z, 0–9 and -' : undefined })) onCreate(agentId);
  }
  return (
    <Form onSubmit={submit} fields={fields}>
      <Text fz="sm">
        An agent runs sessions on its machine. It proves itself once with a token, which you get here, and by a key of its own from then on. It
        dials out to this server: nothing has to be opened on its side.
      </Text>
      <TextInput
        label="Name of the agent"
        description="Binds the token to this name; empty for any"
        placeholder="workshop-1"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        data-autofocus
        {...fields.text('agentId')}
        data-testid="enrol-name"
      />
      <Group justify="flex-end">
        <Button type="submit" loading={pending} data-testid="enrol-create">
          Make a token
        </Button>
      </Group>
    </Form>
  );
}

function Command({ made, onDone }: { made: NewAgentToken; onDone: () => void }) {
  const name = made.agentId ? ` --agent-id ${made.agentId}` : '';
  // In a variable, so that it stands in no list of processes.
  const command = `STREAMSPACE_API_KEY=${made.token} \\\n  streamspace agent${name} \\\n  --control-plane-url ${window.location.origin}`;
  return (
    <Stack>
      <Text fz="sm">Run this on the agent’s machine, where StreamSpace is installed:</Text>
      <CopyLine value={command} what="the command" data-testid="enrol-command" />
      <Text fz="sm" c="dimmed">
        The token serves once{made.expiresAt ? `, until ${formatTime(made.expiresAt)}` : ''}, and is not shown again. The agent appears on this page
        as soon as it has connected.
      </Text>
      <Group justify="flex-end">
        <Button onClick={onDone} data-testid="enrol-done">
          Done
        </Button>
      </Group>
    </Stack>
  );
}
