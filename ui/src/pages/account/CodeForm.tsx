import { Button, Group, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ApiError } from '@/api/http';
import { Form } from '@/components/form/Form';
import { useFields } from '@/hooks/useFields';
import { cleanCode, codeProblem } from '@/lib/otp';

interface Props<R> {
  text: string;
  /** On the button. */
  label: string;
  act: (otp: string) => Promise<R>;
  danger?: boolean;
  /** Whether a backup code does as well. */
  backup?: boolean;
  onSuccess?: (answer: R) => void;
  /** What stands here afterwards. */
  done?: (answer: R) => ReactNode;
}

/** Something that takes a code from the app. */
export function CodeForm<R>({ text, label, act, danger, backup, onSuccess, done }: Props<R>) {
  const action = useMutation<R, Error, string>({ mutationFn: act, onSuccess });
  const wrong = action.error instanceof ApiError && action.error.code === 'mfa_invalid';
  const fields = useFields({ otp: '' }, wrong ? undefined : action.error);
  if (action.isSuccess && done) return done(action.data);
  const own = fields.text('otp');

  function submit() {
    const otp = cleanCode(fields.values.otp);
    if (!fields.refuse({ otp: codeProblem(otp, backup) })) action.mutate(otp);
  }

  return (
    <Form onSubmit={submit} fields={fields}>
      <Text fz="sm">{text}</Text>
      <TextInput
        label="Code"
        inputMode={backup ? 'text' : 'numeric'}
        autoComplete="one-time-code"
        maxLength={32}
        data-autofocus
        {...own}
        onChange={(event) => {
          action.reset();
          own.onChange(event);
        }}
        error={own.error ?? (wrong ? 'This code is not valid. Codes change every 30 seconds.' : undefined)}
        data-testid="mfa-code"
      />
      <Group justify="flex-end">
        <Button type="submit" color={danger ? 'red' : undefined} loading={action.isPending} data-testid="mfa-submit">
          {label}
        </Button>
      </Group>
    </Form>
  );
}
