import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { QRCodeSVG } from 'qrcode.react';
import { startTotp, verifyTotp } from '@/api/account';
import { ApiError } from '@/api/http';
import { keys } from '@/api/keys';
import type { User } from '@/api/types';
import { CopyLine } from '@/components/CopyLine';
import { Form } from '@/components/form/Form';
import { PasswordField } from '@/components/form/PasswordField';
import { useFields } from '@/hooks/useFields';
import { notify } from '@/lib/notify';
import { cleanCode, codeProblem, groupSecret } from '@/lib/otp';
import classes from './Account.module.css';
import { BackupCodes } from './BackupCodes';

interface Props {
  username: string;
  onDone: () => void;
}

/** Password, then the app's code, then the backup codes. */
export function TotpSetup({ username, onDone }: Props) {
  const client = useQueryClient();
  const start = useMutation({ mutationFn: startTotp });
  const verify = useMutation({
    mutationFn: verifyTotp,
    onSuccess() {
      client.setQueryData<User>(keys.me, (old) => old && { ...old, mfaEnabled: true });
      notify('Two-step sign-in is on');
    },
  });
  if (verify.data) return <BackupCodes codes={verify.data.backupCodes} username={username} onDone={onDone} />;
  if (start.data) return <Scan {...start.data} error={verify.error} pending={verify.isPending} onCode={verify.mutate} onEdit={verify.reset} />;
  return <Password username={username} error={start.error} pending={start.isPending} onPassword={start.mutate} />;
}

interface PasswordProps {
  username: string;
  error: unknown;
  pending: boolean;
  onPassword: (password: string) => void;
}

function Password({ username, error, pending, onPassword }: PasswordProps) {
  const fields = useFields({ password: '' }, error);
  const own = fields.text('password');
  const wrong = error instanceof ApiError && (error.code === 'invalid_credentials' || error.code === 'wrong_password');
  return (
    <Form
      onSubmit={() => {
        if (!fields.refuse({ password: fields.values.password ? undefined : 'Enter your password' })) onPassword(fields.values.password);
      }}
      fields={wrong ? { ...fields, formError: undefined } : fields}
    >
      <Text fz="sm">
        You need an authenticator app on your phone, such as Aegis, FreeOTP, 2FAS or the one of your password manager. First, your password.
      </Text>
      <input type="text" name="username" autoComplete="username" value={username} readOnly hidden />
      <PasswordField
        label="Password"
        autoComplete="current-password"
        data-autofocus
        {...own}
        error={own.error ?? (wrong ? 'This is not your password' : undefined)}
        data-testid="mfa-password"
      />
      <Group justify="flex-end">
        <Button type="submit" loading={pending} data-testid="mfa-continue">
          Continue
        </Button>
      </Group>
    </Form>
  );
}

interface ScanProps {
  secret: string;
  uri: string;
  error: unknown;
  pending: boolean;
  onCode: (code: string) => void;
  onEdit: () => void;
}

function Scan({ secret, uri, error, pending, onCode, onEdit }: ScanProps) {
  const wrong = error instanceof ApiError && error.code === 'mfa_invalid';
  const fields = useFields({ otp: '' }, wrong ? undefined : error);
  const own = fields.text('otp');
  return (
    <Form
      onSubmit={() => {
        const otp = cleanCode(fields.values.otp);
        if (!fields.refuse({ otp: codeProblem(otp) })) onCode(otp);
      }}
      fields={fields}
    >
      <Text fz="sm">Scan this with the app:</Text>
      <div className={classes.qr}>
        <QRCodeSVG value={uri} size={184} level="M" title="QR code with the secret for the app" role="img" />
      </div>
      <Stack gap={6}>
        <Text fz="sm">Or type the secret into it:</Text>
        <CopyLine value={groupSecret(secret)} what="the secret" data-testid="mfa-secret" />
      </Stack>
      <TextInput
        label="Code from the app"
        description="Six digits; a new one every 30 seconds"
        inputMode="numeric"
        autoComplete="one-time-code"
        maxLength={12}
        {...own}
        onChange={(event) => {
          onEdit();
          own.onChange(event);
        }}
        error={own.error ?? (wrong ? 'This code is not valid. Take the one that the app shows now.' : undefined)}
        data-testid="mfa-code"
      />
      <Group justify="flex-end">
        <Button type="submit" loading={pending} data-testid="mfa-verify">
          Turn on
        </Button>
      </Group>
    </Form>
  );
}
