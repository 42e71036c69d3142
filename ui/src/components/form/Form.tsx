import { Alert, Stack, type MantineSpacing } from '@mantine/core';
import { IconAlertCircle } from '@tabler/icons-react';
import { useEffect, useRef, type FormEvent, type ReactNode } from 'react';

interface Props {
  onSubmit: () => void;
  /** From useFields. */
  fields?: { formError: string | undefined; refusals: number };
  gap?: MantineSpacing;
  label?: string;
  children: ReactNode;
}

/** A form that says what is wrong, and goes there. */
export function Form({ onSubmit, fields, gap = 'md', label, children }: Props) {
  const form = useRef<HTMLFormElement>(null);
  const refusals = fields?.refusals ?? 0;
  useEffect(() => {
    if (refusals > 0) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [refusals]);

  function submit(event: FormEvent) {
    event.preventDefault();
    // Dialogs are portals: without this the form around would be sent as well.
    event.stopPropagation();
    onSubmit();
  }

  return (
    <form ref={form} onSubmit={submit} noValidate aria-label={label}>
      <Stack gap={gap}>
        <FormAlert text={fields?.formError} />
        {children}
      </Stack>
    </form>
  );
}

export function FormAlert({ text }: { text: string | undefined }) {
  if (!text) return null;
  return (
    <Alert color="red" icon={<IconAlertCircle size={18} />} role="alert" style={{ whiteSpace: 'pre-line' }} data-testid="form-error">
      {text}
    </Alert>
  );
}
