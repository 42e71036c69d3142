import { Alert, Button, Checkbox, Group, Modal, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useId, useState } from 'react';
import { createApiKey } from '@/api/account';
import { keys } from '@/api/keys';
import { CopyLine } from '@/components/CopyLine';
import { Form } from '@/components/form/Form';
import { useUser } from '@/hooks/queries';
import { useChange } from '@/hooks/useChange';
import { useFields } from '@/hooks/useFields';
import { serverNow } from '@/lib/clock';
import { areasFor, toggleScope } from '@/lib/scopes';
import classes from './Account.module.css';

const DAY_MS = 86_400_000;
const LIFETIMES = [
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'One year' },
  { value: 'date', label: 'Until a day of my choice' },
  { value: 'none', label: 'No end' },
];

interface Props {
  opened: boolean;
  onClose: () => void;
}

export function NewKeyModal({ opened, onClose }: Props) {
  const create = useChange(createApiKey, [keys.apiKeys]);
  const made = create.data;
  return (
    <Modal opened={opened} onClose={onClose} size={520} closeOnClickOutside={!made} title={<Text fw={650}>{made ? `The key “${made.name}”` : 'New API key'}</Text>}>
      {made ? <Made secret={made.key} onDone={onClose} /> : <KeyForm error={create.error} pending={create.isPending} onCreate={create.mutate} />}
    </Modal>
  );
}

interface FormProps {
  error: unknown;
  pending: boolean;
  onCreate: (body: { name: string; scopes?: string[]; expiresAt?: string }) => void;
}

function KeyForm({ error, pending, onCreate }: FormProps) {
  const fields = useFields({ name: '', lifetime: '90', expiresAt: '', scopes: '' }, error);
  const [limited, setLimited] = useState(false);
  const [scopes, setScopes] = useState<string[]>([]);
  const { lifetime, expiresAt } = fields.values;

  function submit() {
    const name = fields.values.name.trim();
    const wrong = fields.refuse({
      name: name ? undefined : 'Say what the key is for',
      expiresAt: lifetime === 'date' && !expiresAt ? 'Choose a day' : undefined,
      scopes: limited && scopes.length === 0 ? 'Choose at least one' : undefined,
    });
    if (!wrong) onCreate({ name, scopes: limited ? scopes : undefined, expiresAt: endOf(lifetime, expiresAt) });
  }

  return (
    <Form onSubmit={submit} fields={fields} gap="lg">
      <TextInput label="Name" description="Where it will be used" placeholder="Nightly build" data-autofocus autoComplete="off" maxLength={100} {...fields.text('name')} data-testid="key-name" />
      <Group grow align="flex-start">
        <Select
          label="Valid for"
          data={LIFETIMES}
          value={lifetime}
          allowDeselect={false}
          onChange={(value) => fields.set({ lifetime: value ?? '90' })}
          error={lifetime === 'date' ? undefined : fields.errorOf('expiresAt')}
          data-testid="key-lifetime"
        />
        {lifetime === 'date' && <TextInput type="date" label="Last day" min={new Date(serverNow()).toISOString().slice(0, 10)} {...fields.text('expiresAt')} />}
      </Group>
      <Stack gap={8}>
        <Text fz="sm" fw={500} id="key-may">
          It may do
        </Text>
        <SegmentedControl
          aria-labelledby="key-may"
          value={limited ? 'limited' : 'all'}
          onChange={(value) => setLimited(value === 'limited')}
          data={[
            { value: 'all', label: 'Everything I may' },
            { value: 'limited', label: 'Only some things' },
          ]}
          data-testid="key-scope-kind"
        />
        {limited && <Scopes scopes={scopes} onChange={setScopes} error={fields.errorOf('scopes')} />}
        <Text fz="xs" c="dimmed">
          A key never reaches passwords, two-step sign-in or other keys.
        </Text>
      </Stack>
      <Group justify="flex-end">
        <Button type="submit" loading={pending} data-testid="key-create">
          Make key
        </Button>
      </Group>
    </Form>
  );
}

interface ScopesProps {
  scopes: string[];
  onChange: (scopes: string[]) => void;
  error?: string;
}

function Scopes({ scopes, onChange, error }: ScopesProps) {
  const user = useUser();
  const id = useId();
  return (
    <div role="group" aria-label="What the key may" aria-describedby={error ? id : undefined}>
      <table className={classes.scopes}>
        <thead>
          <tr>
            <th scope="col">Area</th>
            <th scope="col">See</th>
            <th scope="col">Change</th>
          </tr>
        </thead>
        <tbody>
          {areasFor(user.role).map(({ name, label, write }) => (
            <tr key={name}>
              <td>{label}</td>
              {(['read', 'write'] as const).map((kind) => (
                <td key={kind}>
                  {(kind === 'read' || write.includes(user.role)) && (
                    <Checkbox
                      aria-label={`${kind === 'read' ? 'See' : 'Change'} ${label.toLowerCase()}`}
                      checked={scopes.includes(`${name}:${kind}`)}
                      onChange={(event) => onChange(toggleScope(scopes, name, kind, event.currentTarget.checked))}
                      data-testid={`scope-${name}:${kind}`}
                    />
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {error && (
        <Text id={id} fz="xs" c="var(--mantine-color-error)" mt={6}>
          {error}
        </Text>
      )}
    </div>
  );
}

function Made({ secret, onDone }: { secret: string; onDone: () => void }) {
  const example = `curl -H "Authorization: Bearer ${secret}" ${window.location.origin}/api/v1/sessions`;
  return (
    <Stack>
      <Alert color="yellow" icon={<IconAlertTriangle size={18} />}>
        Copy it now: it is not shown again. Whoever has it may act in your name.
      </Alert>
      <CopyLine value={secret} what="the key" data-testid="key-secret" />
      <Text fz="sm">To try it:</Text>
      <CopyLine value={example} what="the command" />
      <Group justify="flex-end">
        <Button onClick={onDone} data-testid="key-done">
          Done
        </Button>
      </Group>
    </Stack>
  );
}

/** When the key ends; undefined for never. A chosen day counts whole. */
function endOf(lifetime: string, day: string): string | undefined {
  if (lifetime === 'none') return undefined;
  if (lifetime === 'date') return new Date(`${day}T23:59:59`).toISOString();
  return new Date(serverNow() + Number(lifetime) * DAY_MS).toISOString();
}
