import { Button, Group, Modal, Text } from '@mantine/core';
import type { Session } from '@/api/types';
import { useEndSession } from '@/hooks/queries';
import { notify, notifyError } from '@/lib/notify';

interface Props {
  session: Session | undefined;
  /** What people call it. */
  label: string;
  opened: boolean;
  onClose: () => void;
}

/** Asks first: programs end, and what was not saved is gone. */
export function EndSessionModal({ session, label, opened, onClose }: Props) {
  const end = useEndSession();

  function confirm() {
    if (!session) return;
    end.mutate(session.name, {
      onSuccess: () => notify(`${label} is ending`),
      onError: (error) => notifyError(`${label} could not be ended`, error),
      onSettled: onClose,
    });
  }

  return (
    <Modal opened={opened} onClose={onClose} title={<Text fw={650}>End {label}?</Text>}>
      <Text fz="sm">
        Its programs are closed at once, and what is not saved is lost.
        {session?.persistentHome
          ? ' The home directory is kept.'
          : ' The home directory of this session is not kept: its files are deleted.'}
      </Text>
      <Text fz="xs" c="dimmed" mt="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
        {session?.name}
      </Text>
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={onClose} data-autofocus>
          Keep it
        </Button>
        <Button color="red" onClick={confirm} loading={end.isPending} data-testid="confirm-end">
          End session
        </Button>
      </Group>
    </Modal>
  );
}
