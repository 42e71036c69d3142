import { Alert, Text } from '@mantine/core';
import { IconAlertCircle, IconCircleCheck } from '@tabler/icons-react';
import { ApiError, errorText } from '@/api/http';
import type { FieldError } from '@/api/types';

export const faultsOf = (error: unknown): FieldError[] => (error instanceof ApiError ? error.fields : []);

/** What the server says of a text: all of its faults, by line. */
export function YamlProblems({ error, good }: { error: unknown; good?: string }) {
  const faults = faultsOf(error);
  if (!error && !good) return null;
  if (!error) {
    return (
      <Alert color="green" icon={<IconCircleCheck size={18} />} role="status" data-testid="yaml-good">
        {good}
      </Alert>
    );
  }
  return (
    <Alert color="red" icon={<IconAlertCircle size={18} />} role="alert" data-testid="yaml-problems">
      {faults.length === 0
        ? errorText(error)
        : faults.map((fault, i) => (
            <Text key={i} fz="sm">
              {fault.line ? `Line ${fault.line}, column ${fault.column}: ` : ''}
              {fault.field && <b>{fault.field}</b>}
              {fault.field && ': '}
              {fault.message}
            </Text>
          ))}
    </Alert>
  );
}
