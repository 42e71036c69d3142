import { Button } from '@mantine/core';
import { IconCloudOff } from '@tabler/icons-react';
import { errorText } from '@/api/http';
import { EmptyState } from './EmptyState';

export function LoadError({ error, onRetry, what }: { error: unknown; onRetry: () => void; what: string }) {
  return (
    <EmptyState icon={IconCloudOff} title={`${what} could not be loaded`} text={errorText(error)} alert>
      <Button mt="sm" variant="default" onClick={onRetry}>
        Try again
      </Button>
    </EmptyState>
  );
}
