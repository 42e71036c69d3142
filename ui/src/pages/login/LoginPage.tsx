import { Alert, Button, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import { IconAlertCircle, IconArrowBigUpLine } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState, type FormEvent, type KeyboardEvent } from 'react';
import { Navigate, useSearchParams } from 'react-router-dom';
import * as api from '@/api/endpoints';
import { keys } from '@/api/keys';
import { LogoMark } from '@/components/Logo';
import { useMe } from '@/hooks/queries';
import { LoginArt } from './LoginArt';
import { loginErrorText } from './loginError';
import classes from './LoginPage.module.css';
import { safeNext } from './next';

export function LoginPage() {
  useDocumentTitle('Sign in · StreamSpace');
  const [params] = useSearchParams();
  const { data: user } = useMe();
  if (user) return <Navigate to={safeNext(params.get('next'))} replace />;
  return (
    <div className={classes.page}>
      <main className={classes.side}>
        <div className={classes.form}>
          <LogoMark size={48} />
          <Title order={1} mt="lg">
            Welcome to StreamSpace
          </Title>
          <Text c="dimmed" mt={6} mb={28}>
            Sign in to open your applications.
          </Text>
          <LoginForm />
        </div>
      </main>
      <div className={classes.art} aria-hidden>
        <LoginArt />
      </div>
    </div>
  );
}

function LoginForm() {
  const client = useQueryClient();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [capsLock, setCapsLock] = useState(false);
  const [missing, setMissing] = useState<{ username?: string; password?: string }>({});
  const passwordRef = useRef<HTMLInputElement>(null);
  const signIn = useMutation({
    mutationFn: () => api.login(username.trim(), password),
    onSuccess: (user) => client.setQueryData(keys.me, user),
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

  const watchCaps = (event: KeyboardEvent) => setCapsLock(event.getModifierState?.('CapsLock') ?? false);

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
          autoFocus
          value={username}
          error={missing.username}
          onChange={(event) => setUsername(event.currentTarget.value)}
          data-testid="login-username"
        />
        <PasswordInput
          size="md"
          ref={passwordRef}
          label="Password"
          name="password"
          autoComplete="current-password"
          value={password}
          error={missing.password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          onKeyDown={watchCaps}
          onKeyUp={watchCaps}
          onBlur={() => setCapsLock(false)}
          visibilityToggleButtonProps={{ 'aria-label': 'Show the password', tabIndex: 0 }}
          data-testid="login-password"
        />
        <Text role="status" fz="sm" c="dimmed" className={classes.caps}>
          {capsLock && (
            <>
              <IconArrowBigUpLine size={15} style={{ verticalAlign: -2 }} aria-hidden /> Caps Lock is on
            </>
          )}
        </Text>
        <Button type="submit" size="md" loading={signIn.isPending} data-testid="login-submit">
          Sign in
        </Button>
      </Stack>
    </form>
  );
}
