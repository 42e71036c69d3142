import { Button, Group, Stack, Text } from '@mantine/core';
import { CopyLine } from '@/components/CopyLine';

interface Props {
  username: string;
  password: string;
  onDone: () => void;
}

/** A password to hand over. */
export function MadePassword({ username, password, onDone }: Props) {
  return (
    <Stack>
      <Text fz="sm">
        Hand the password over on a safe way. It is stored as a hash and cannot be shown again; {username} can change it under My account.
      </Text>
      <CopyLine value={password} what="the password" data-testid="made-password" />
      <Group justify="flex-end">
        <Button onClick={onDone} data-testid="made-done">
          Done
        </Button>
      </Group>
    </Stack>
  );
}
