import { Badge, Button, Group, Modal, Text } from '@mantine/core';
import { IconShieldCheck, IconShieldOff } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { endTotp, newBackupCodes } from '@/api/account';
import { keys } from '@/api/keys';
import type { User } from '@/api/types';
import { Panel } from '@/components/Panel';
import { useUser } from '@/hooks/queries';
import { useDialog } from '@/hooks/useDialog';
import { notify } from '@/lib/notify';
import { BackupCodes } from './BackupCodes';
import { CodeForm } from './CodeForm';
import { TotpSetup } from './TotpSetup';

type Task = 'set-up' | 'codes' | 'end';

const TITLES: Record<Task, string> = {
  'set-up': 'Turn on two-step sign-in',
  codes: 'New backup codes',
  end: 'Turn off two-step sign-in',
};

export function MfaPanel() {
  const { mfaEnabled: on = false, username } = useUser();
  const task = useDialog<Task>();
  return (
    <Panel
      title="Two-step sign-in"
      text="A code from an app on your phone, besides the password."
      action={
        <Badge color={on ? 'green' : 'gray'} leftSection={on ? <IconShieldCheck size={13} /> : <IconShieldOff size={13} />} data-testid="mfa-state">
          {on ? 'On' : 'Off'}
        </Badge>
      }
    >
      {on ? (
        <Group>
          <Button variant="default" onClick={() => task.open('codes')} data-testid="mfa-codes">
            New backup codes
          </Button>
          <Button variant="default" c="var(--mantine-color-error)" onClick={() => task.open('end')} data-testid="mfa-end">
            Turn off
          </Button>
        </Group>
      ) : (
        <Group>
          <Button onClick={() => task.open('set-up')} data-testid="mfa-start">
            Turn on
          </Button>
        </Group>
      )}
      <Modal
        opened={task.opened}
        onClose={task.close}
        size={480}
        closeOnClickOutside={false}
        title={<Text fw={650}>{task.value && TITLES[task.value]}</Text>}
      >
        {task.value === 'set-up' && <TotpSetup key={task.count} username={username} onDone={task.close} />}
        {task.value === 'codes' && <NewCodes key={task.count} username={username} onDone={task.close} />}
        {task.value === 'end' && <TurnOff key={task.count} onDone={task.close} />}
      </Modal>
    </Panel>
  );
}

function NewCodes({ username, onDone }: { username: string; onDone: () => void }) {
  return (
    <CodeForm
      text="The ten codes that you have now stop working. Enter a code from your app to get ten new ones."
      label="Make new codes"
      act={newBackupCodes}
      done={({ backupCodes }) => <BackupCodes codes={backupCodes} username={username} onDone={onDone} />}
    />
  );
}

function TurnOff({ onDone }: { onDone: () => void }) {
  const client = useQueryClient();
  return (
    <CodeForm
      text="From then on your password alone is enough to sign in as you. The backup codes stop working. Enter a code from your app, or a backup code."
      label="Turn off"
      danger
      backup
      act={endTotp}
      onSuccess={() => {
        client.setQueryData<User>(keys.me, (old) => old && { ...old, mfaEnabled: false });
        notify('Two-step sign-in is off');
        onDone();
      }}
    />
  );
}
