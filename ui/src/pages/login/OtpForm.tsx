import { Alert, Anchor, Button, Group, Stack, TextInput } from '@mantine/core';
import { IconAlertCircle } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { login } from '@/api/account';
import { keys } from '@/api/keys';
import { cleanCode, codeProblem, isTotp } from '@/lib/otp';
import { otpErrorText } from './loginError';
import classes from './LoginPage.module.css';

interface Props {
  username: string;
  password: string;
  onBack: () => void;
}

/** The second step: the app's code, sent as soon as it is whole, or a backup code. */
export function OtpForm({ username, password, onBack }: Props) {
  const client = useQueryClient();
  const [code, setCode] = useState('');
  const [backup, setBackup] = useState(false);
  const [problem, setProblem] = useState<string>();
  const signIn = useMutation({
    mutationFn: (otp: string) => login(username, password, otp),
    onSuccess: (user) => client.setQueryData(keys.me, user),
  });

  function change(text: string) {
    setCode(text);
    setProblem(undefined);
    const whole = cleanCode(text);
    // Once only: after a wrong code people correct it and press Enter.
    if (!backup && isTotp(whole) && signIn.isIdle) signIn.mutate(whole);
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    const otp = cleanCode(code);
    const wrong = codeProblem(otp, backup);
    setProblem(wrong);
    if (!wrong && !signIn.isPending) signIn.mutate(otp);
  }

  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        <div role="alert" aria-live="assertive" className={classes.alert}>
          {signIn.isError && (
            <Alert color="red" icon={<IconAlertCircle size={18} />} data-testid="login-error">
              {otpErrorText(signIn.error)}
            </Alert>
          )}
        </div>
        <TextInput
          // Phones show other keys for another kind of code: a field of its own.
          key={backup ? 'backup' : 'app'}
          size="md"
          label={backup ? 'Backup code' : 'Code'}
          name="otp"
          inputMode={backup ? 'text' : 'numeric'}
          autoComplete="one-time-code"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={32}
          autoFocus
          value={code}
          error={problem}
          onChange={(event) => change(event.currentTarget.value)}
          data-testid="login-otp"
        />
        <Button type="submit" size="md" loading={signIn.isPending} data-testid="login-otp-submit">
          Sign in
        </Button>
        <Group justify="space-between">
          <Anchor
            component="button"
            type="button"
            fz="sm"
            c="var(--ss-accent-text)"
            onClick={() => {
              setBackup(!backup);
              setCode('');
              setProblem(undefined);
            }}
            data-testid="login-backup"
          >
            {backup ? 'Use the code from the app' : 'Use a backup code'}
          </Anchor>
          <Anchor component="button" type="button" fz="sm" c="var(--ss-accent-text)" onClick={onBack}>
            Sign in as somebody else
          </Anchor>
        </Group>
      </Stack>
    </form>
  );
}
