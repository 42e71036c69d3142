import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { errorText } from '@/api/http';
import { FormAlert } from './form/Form';

interface Props {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** What will happen, in words. */
  children: ReactNode;
  /** The words on the button that does it. */
  confirm: string;
  onConfirm: () => void;
  pending?: boolean;
  error?: unknown;
  /** For what takes nothing away. */
  harmless?: boolean;
}

/** Asks before something that cannot be taken back. */
export function ConfirmModal({ opened, onClose, title, children, confirm, onConfirm, pending, error, harmless }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title={<Text fw={650}>{title}</Text>}>
      <Stack gap="md">
        <FormAlert text={error ? errorText(error) : undefined} />
        <Text fz="sm" component="div">
          {children}
        </Text>
        <Group justify="flex-end" mt="xs">
          <Button variant="default" onClick={onClose} data-autofocus>
            Cancel
          </Button>
          <Button color={harmless ? undefined : 'red'} onClick={onConfirm} loading={pending} data-testid="confirm">
            {confirm}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
