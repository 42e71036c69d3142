import { Badge, Button, Group, Modal, Skeleton, Stack, Text } from '@mantine/core';
import { IconDice5 } from '@tabler/icons-react';
import { useState } from 'react';
import { errorText } from '@/api/http';
import { keys } from '@/api/keys';
import { endLogins, resetMfa, updateUser } from '@/api/people';
import type { User } from '@/api/types';
import { ConfirmModal } from '@/components/ConfirmModal';
import { Form } from '@/components/form/Form';
import { NewPassword } from '@/components/form/NewPassword';
import { Section } from '@/components/Panel';
import { useApiKeys } from '@/hooks/account';
import { useUser } from '@/hooks/queries';
import { useChange } from '@/hooks/useChange';
import { useDialog } from '@/hooks/useDialog';
import { useFields } from '@/hooks/useFields';
import { notify } from '@/lib/notify';
import { makePassword, PASSWORD_MIN } from '@/lib/password';
import { ApiKeyTable } from '@/pages/account/ApiKeyTable';
import { MadePassword } from './MadePassword';

/** How a user gets in: password, second step, logins, keys. */
export function UserAccess({ user }: { user: User }) {
  const resetting = useDialog<true>();
  return (
    <>
      <Section
        title="Password"
        text="A new one ends all logins of this user."
        action={
          <Button variant="default" onClick={() => resetting.open(true)} data-testid="reset-password">
            Reset password
          </Button>
        }
      />
      <Mfa user={user} />
      <Logins user={user} />
      <Section title="API keys">
        <Keys username={user.username} />
      </Section>
      <ResetPassword key={resetting.count} user={user} opened={resetting.opened} onClose={resetting.close} />
    </>
  );
}

function Mfa({ user }: { user: User }) {
  const asking = useDialog<true>();
  const reset = useChange(() => resetMfa(user.username), [keys.users]);
  const me = useUser();
  if (me.username === user.username) return <Section title="Two-step sign-in" text="Yours: turn it on and off under My account." />;
  return (
    <Section
      title="Two-step sign-in"
      text={user.mfaEnabled ? 'On. Reset it when the phone and the backup codes are lost.' : 'Off. Users turn it on themselves under My account.'}
      action={
        user.mfaEnabled ? (
          <Button variant="default" onClick={() => asking.open(true)} data-testid="reset-mfa">
            Reset
          </Button>
        ) : (
          <Badge color="gray">Off</Badge>
        )
      }
    >
      <ConfirmModal
        opened={asking.opened}
        onClose={asking.close}
        title={`Reset two-step sign-in of ${user.username}?`}
        confirm="Reset"
        pending={reset.isPending}
        error={reset.error}
        onConfirm={() =>
          reset.mutate(undefined, {
            onSuccess() {
              asking.close();
              notify('Two-step sign-in is reset', user.username);
            },
          })
        }
      >
        The password alone is enough to sign in then, and the backup codes stop working. Be sure that it is {user.fullName || user.username} who asks.
      </ConfirmModal>
    </Section>
  );
}

function Logins({ user }: { user: User }) {
  const asking = useDialog<true>();
  const end = useChange(() => endLogins(user.username), [keys.users]);
  return (
    <Section
      title="Logins"
      text="Every browser and program that is signed in as this user."
      action={
        <Button variant="default" onClick={() => asking.open(true)} data-testid="end-logins">
          End all logins
        </Button>
      }
    >
      <ConfirmModal
        opened={asking.opened}
        onClose={asking.close}
        title={`End all logins of ${user.username}?`}
        confirm="End logins"
        pending={end.isPending}
        error={end.error}
        onConfirm={() =>
          end.mutate(undefined, {
            onSuccess() {
              asking.close();
              notify('All logins ended', user.username);
            },
          })
        }
      >
        {user.username} has to sign in again everywhere, and open screens close. Sessions and API keys go on.
      </ConfirmModal>
    </Section>
  );
}

function Keys({ username }: { username: string }) {
  const list = useApiKeys(username);
  if (list.isPending) return <Skeleton h={60} />;
  if (list.isError) {
    return (
      <Text fz="sm" c="var(--mantine-color-error)" role="alert">
        {errorText(list.error)}
      </Text>
    );
  }
  if (list.data.items.length === 0) {
    return (
      <Text fz="sm" c="dimmed">
        None.
      </Text>
    );
  }
  return <ApiKeyTable items={list.data.items} compact />;
}

interface ResetProps {
  user: User;
  opened: boolean;
  onClose: () => void;
}

function ResetPassword({ user, opened, onClose }: ResetProps) {
  const [done, setDone] = useState<string>();
  const save = useChange((password: string) => updateUser(user.username, { password }), [keys.users]);
  const fields = useFields({ password: '' }, save.error);

  function submit() {
    const { password } = fields.values;
    if (fields.refuse({ password: [...password].length >= PASSWORD_MIN ? undefined : `At least ${PASSWORD_MIN} characters` })) return;
    save.mutate(password, {
      onSuccess() {
        setDone(password);
        notify('Password reset', user.username);
      },
    });
  }

  return (
    <Modal opened={opened} onClose={onClose} closeOnClickOutside={false} title={<Text fw={650}>Reset the password of {user.username}</Text>}>
      {done ? (
        <MadePassword username={user.username} password={done} onDone={onClose} />
      ) : (
        <Form onSubmit={submit} fields={fields}>
          <Text fz="sm">The present password stops working, and {user.username} is signed out everywhere.</Text>
          <Stack gap={6}>
            <NewPassword label="New password" data-autofocus {...fields.text('password')} data-testid="reset-new" />
            <Group>
              <Button size="xs" variant="default" leftSection={<IconDice5 size={15} aria-hidden />} onClick={() => fields.set({ password: makePassword() })}>
                Make one up
              </Button>
            </Group>
          </Stack>
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" color="red" loading={save.isPending} data-testid="reset-submit">
              Reset password
            </Button>
          </Group>
        </Form>
      )}
    </Modal>
  );
}
