import { Alert, Button, Divider, Skeleton, Stack, TextInput } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import { IconAlertCircle, IconLogin2 } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { Navigate, useSearchParams } from 'react-router-dom';
import { login, type SignInMethods } from '@/api/account';
import { ApiError } from '@/api/http';
import { keys } from '@/api/keys';
import { PasswordField } from '@/components/form/PasswordField';
import { useSignInMethods } from '@/hooks/account';
import { useMe } from '@/hooks/queries';
import { EntryPage } from './EntryPage';
import { loginErrorText, returnErrorText } from './loginError';
import classes from './LoginPage.module.css';
import { safeNext } from './next';
import { OtpForm } from './OtpForm';

export function LoginPage() {
  useDocumentTitle('Sign in · StreamSpace');
  const [params] = useSearchParams();
  const { data: user } = useMe();
  const methods = useSignInMethods();
  // The password stays in memory until the second step is over, and nowhere else.
  const [second, setSecond] = useState<{ username: string; password: string }>();
  if (user) return <Navigate to={safeNext(params.get('next'))} replace />;
  if (methods.data?.setup) return <Navigate to="/setup" replace />;
  if (second) {
    return (
      <EntryPage title="Two-step sign-in" text={`Enter the code from your authenticator app, ${second.username}.`}>
        <OtpForm {...second} onBack={() => setSecond(undefined)} />
      </EntryPage>
    );
  }
  return (
    <EntryPage title="Welcome to StreamSpace" text="Sign in to open your applications.">
      <ReturnError code={params.get('error')} />
      {methods.isPending ? (
        <Skeleton h={210} />
      ) : (
        <Methods methods={methods.data ?? { password: true, oidc: null, setup: false }} next={params.get('next')} onSecond={setSecond} />
      )}
    </EntryPage>
  );
}

interface MethodsProps {
  methods: SignInMethods;
  next: string | null;
  onSecond: (first: { username: string; password: string }) => void;
}

function Methods({ methods: { password, oidc }, next, onSecond }: MethodsProps) {
  return (
    <>
      {oidc && (
        <Button
          component="a"
          href={withNext(oidc.url, next)}
          size="md"
          fullWidth
          variant={password ? 'default' : 'filled'}
          leftSection={<IconLogin2 size={18} aria-hidden />}
          data-testid="login-oidc"
        >
          Sign in with {oidc.name}
        </Button>
      )}
      {oidc && password && <Divider my="lg" label="or with a password" labelPosition="center" />}
      {password && <PasswordForm autoFocus={!oidc} onSecond={onSecond} />}
    </>
  );
}

/** Where the identity provider's way back shall end. */
function withNext(url: string, next: string | null): string {
  const target = safeNext(next);
  return target === '/' ? url : `${url}?next=${encodeURIComponent(target)}`;
}

function ReturnError({ code }: { code: string | null }) {
  if (!code) return null;
  return (
    <Alert color="red" icon={<IconAlertCircle size={18} />} mb="lg" role="alert" data-testid="return-error">
      {returnErrorText(code)}
    </Alert>
  );
}

function PasswordForm({ autoFocus, onSecond }: { autoFocus: boolean; onSecond: MethodsProps['onSecond'] }) {
  const client = useQueryClient();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [missing, setMissing] = useState<{ username?: string; password?: string }>({});
  const passwordRef = useRef<HTMLInputElement>(null);
  const signIn = useMutation({
    mutationFn: () => login(username.trim(), password),
    onSuccess: (user) => client.setQueryData(keys.me, user),
    onError(error) {
      if (error instanceof ApiError && error.code === 'mfa_required') onSecond({ username: username.trim(), password });
    },
  });

  useEffect(() => {
    if (signIn.isError) passwordRef.current?.select();
  }, [signIn.isError, signIn.failureCount]);

  function submit(event: FormEvent) {
    event.preventDefault();
    const lacks = {
      username: username.trim() ? undefined : 'Enter your user name',
      password: password ? undefined : 'Enter your password',
    };
    setMissing(lacks);
    if (!lacks.username && !lacks.password) signIn.mutate();
  }

  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="md">
        <div role="alert" aria-live="assertive" className={classes.alert}>
          {signIn.isError && (
            <Alert color="red" icon={<IconAlertCircle size={18} />} data-testid="login-error">
              {loginErrorText(signIn.error)}
            </Alert>
          )}
        </div>
        <TextInput
          size="md"
          label="User name"
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          autoCorrect="off"
          spellCheck={false}
          autoFocus={autoFocus}
          value={username}
          error={missing.username}
          onChange={(event) => setUsername(event.currentTarget.value)}
          data-testid="login-username"
        />
        <PasswordField
          size="md"
          ref={passwordRef}
          label="Password"
          name="password"
          autoComplete="current-password"
          value={password}
          error={missing.password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          data-testid="login-password"
        />
        <Button type="submit" size="md" loading={signIn.isPending} data-testid="login-submit">
          Sign in
        </Button>
      </Stack>
    </form>
  );
}
