import { Button, Group, Skeleton, TextInput } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import { IconCircleCheck } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Link, Navigate, useNavigate, useSearchParams } from 'react-router-dom';
import { setUp, setupNeeded } from '@/api/account';
import { ApiError } from '@/api/http';
import { keys } from '@/api/keys';
import { EmptyState } from '@/components/EmptyState';
import { Form } from '@/components/form/Form';
import { NewPassword } from '@/components/form/NewPassword';
import { PasswordField } from '@/components/form/PasswordField';
import { LoadError } from '@/components/LoadError';
import { useMe } from '@/hooks/queries';
import { useFields } from '@/hooks/useFields';
import { PASSWORD_MIN } from '@/lib/password';
import { EntryPage } from '@/pages/login/EntryPage';

/** The first administrator, made once, by whoever can read the server's log. */
export function SetupPage() {
  useDocumentTitle('Set up · StreamSpace');
  const { data: user } = useMe();
  const needed = useQuery({ queryKey: ['setup'], queryFn: ({ signal }) => setupNeeded(signal), staleTime: Infinity });
  if (user) return <Navigate to="/" replace />;
  return (
    <EntryPage title="Set up StreamSpace" text="There is no administrator yet. Make the first account; it may do everything.">
      {needed.isPending ? (
        <Skeleton h={380} />
      ) : needed.isError ? (
        <LoadError error={needed.error} onRetry={() => void needed.refetch()} what="The state of the server" />
      ) : needed.data.needed ? (
        <SetupForm />
      ) : (
        <EmptyState icon={IconCircleCheck} title="Already set up" text="There is an administrator. Sign in, or ask for an account.">
          <Button component={Link} to="/login" mt="sm">
            Sign in
          </Button>
        </EmptyState>
      )}
    </EntryPage>
  );
}

function SetupForm() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [params, setParams] = useSearchParams();
  const [given] = useState(params.get('token') ?? '');
  // The token does not stay in the address, where histories keep it.
  useEffect(() => {
    if (params.has('token')) setParams({}, { replace: true });
  }, [params, setParams]);
  const create = useMutation({
    mutationFn: setUp,
    onSuccess(user) {
      client.setQueryData(keys.me, user);
      void client.invalidateQueries({ queryKey: keys.methods });
      navigate('/', { replace: true });
    },
  });
  const badToken = create.error instanceof ApiError && (create.error.status === 401 || create.error.status === 403);
  const fields = useFields(
    { token: given, username: 'admin', fullName: '', email: '', password: '', again: '' },
    badToken ? undefined : create.error,
  );
  const token = fields.text('token');

  function submit() {
    const { password, again, username, fullName, email } = fields.values;
    const wrong = fields.refuse({
      token: fields.values.token.trim() ? undefined : 'Enter the token from the server’s log',
      username: username.trim() ? undefined : 'Choose a user name',
      password: [...password].length >= PASSWORD_MIN ? undefined : `At least ${PASSWORD_MIN} characters`,
      again: again === password ? undefined : 'The two are not the same',
    });
    if (wrong) return;
    create.mutate({
      token: fields.values.token.trim(),
      username: username.trim(),
      password,
      fullName: fullName.trim() || undefined,
      email: email.trim() || undefined,
    });
  }

  return (
    <Form onSubmit={submit} fields={fields}>
      <TextInput
        label="Setup token"
        description="The server has written it to its log and to its terminal"
        autoComplete="off"
        spellCheck={false}
        autoFocus={!given}
        {...token}
        onChange={(event) => {
          create.reset();
          token.onChange(event);
        }}
        error={token.error ?? (badToken ? 'This is not the token of this server' : undefined)}
        data-testid="setup-token"
      />
      <TextInput label="User name" autoComplete="username" autoCapitalize="none" spellCheck={false} {...fields.text('username')} data-testid="setup-username" />
      <Group grow align="flex-start">
        <TextInput label="Full name" placeholder="Optional" autoComplete="name" {...fields.text('fullName')} />
        <TextInput label="Email" placeholder="Optional" type="email" autoComplete="email" {...fields.text('email')} />
      </Group>
      <NewPassword label="Password" {...fields.text('password')} data-testid="setup-password" />
      <PasswordField label="Password again" autoComplete="new-password" {...fields.text('again')} data-testid="setup-again" />
      <Button type="submit" size="md" loading={create.isPending} data-testid="setup-submit">
        Make the account
      </Button>
    </Form>
  );
}
