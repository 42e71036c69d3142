import { Button, Group, Text } from '@mantine/core';
import { ApiError } from '@/api/http';
import { keys } from '@/api/keys';
import { deleteUser, updateUser } from '@/api/people';
import type { User } from '@/api/types';
import { ConfirmModal } from '@/components/ConfirmModal';
import { Section } from '@/components/Panel';
import { useUser } from '@/hooks/queries';
import { useChange } from '@/hooks/useChange';
import { useDialog } from '@/hooks/useDialog';
import { notify, notifyError } from '@/lib/notify';

/** Deactivating, which can be taken back, and deleting, which cannot. */
export function UserDanger({ user, onGone }: { user: User; onGone: () => void }) {
  const me = useUser();
  const active = user.active !== false;
  const deactivating = useDialog<true>();
  const deleting = useDialog<true>();
  const setActive = useChange((next: boolean) => updateUser(user.username, { active: next }), [keys.users]);
  const remove = useChange(() => deleteUser(user.username), [keys.users, keys.groups]);
  if (me.username === user.username) {
    return (
      <Section title="Deactivate or delete">
        <Text fz="sm" c="dimmed">
          This is you. Another administrator can deactivate or delete your account.
        </Text>
      </Section>
    );
  }
  return (
    <Section title="Deactivate or delete" text={active ? 'A deactivated user cannot sign in; everything is kept.' : 'This user cannot sign in.'}>
      <Group>
        {active ? (
          <Button variant="default" onClick={() => deactivating.open(true)} data-testid="user-deactivate">
            Deactivate
          </Button>
        ) : (
          <Button
            variant="default"
            loading={setActive.isPending}
            onClick={() =>
              setActive.mutate(true, {
                onSuccess: () => notify('User activated', user.username),
                onError: (error) => notifyError('Could not activate', error),
              })
            }
            data-testid="user-activate"
          >
            Activate
          </Button>
        )}
        <Button variant="default" c="var(--mantine-color-error)" onClick={() => deleting.open(true)} data-testid="user-delete">
          Delete
        </Button>
      </Group>
      <ConfirmModal
        opened={deactivating.opened}
        onClose={deactivating.close}
        title={`Deactivate ${user.username}?`}
        confirm="Deactivate"
        pending={setActive.isPending}
        error={setActive.error}
        onConfirm={() =>
          setActive.mutate(false, {
            onSuccess() {
              deactivating.close();
              notify('User deactivated', user.username);
            },
          })
        }
      >
        {user.username} is signed out everywhere within a second, API keys stop working, and open screens close. Running sessions go on; end them
        on the sessions page if they shall not. Activating takes it all back.
      </ConfirmModal>
      <ConfirmModal
        opened={deleting.opened}
        onClose={() => {
          deleting.close();
          remove.reset();
        }}
        title={`Delete ${user.username}?`}
        confirm="Delete user"
        pending={remove.isPending}
        error={withAdvice(remove.error)}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess() {
              deleting.close();
              notify('User deleted', user.username);
              onGone();
            },
          })
        }
      >
        The account, its API keys, memberships and quota are deleted. This cannot be undone. The audit log keeps the name.
      </ConfirmModal>
    </Section>
  );
}

function withAdvice(error: unknown): unknown {
  if (error instanceof ApiError && error.code === 'user_has_sessions') return new Error('This user still has sessions. End them first, then delete the account.');
  return error;
}
