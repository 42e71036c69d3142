import { Button, Group, Modal, MultiSelect, Select, Stack, Text, TextInput } from '@mantine/core';
import { IconDice5 } from '@tabler/icons-react';
import { useState } from 'react';
import { ApiError, errorText } from '@/api/http';
import { keys } from '@/api/keys';
import { addMember, createUser } from '@/api/people';
import { ROLES, type Role } from '@/api/types';
import { Form } from '@/components/form/Form';
import { NewPassword } from '@/components/form/NewPassword';
import { useGroups } from '@/hooks/people';
import { useChange } from '@/hooks/useChange';
import { useFields } from '@/hooks/useFields';
import { notify, notifyError } from '@/lib/notify';
import { makePassword, PASSWORD_MIN } from '@/lib/password';
import { roleText } from '@/lib/roles';
import { MadePassword } from './MadePassword';

interface Props {
  opened: boolean;
  onClose: () => void;
  /** Told the new user's name when the dialog is over. */
  onMade: (username: string) => void;
}

interface Made {
  username: string;
  password: string;
}

export function NewUserModal({ opened, onClose, onMade }: Props) {
  const [made, setMade] = useState<Made>();
  function done() {
    onClose();
    if (made) onMade(made.username);
  }
  return (
    <Modal opened={opened} onClose={made ? done : onClose} size={520} closeOnClickOutside={false} title={<Text fw={650}>{made ? `${made.username} can sign in now` : 'New user'}</Text>}>
      {made ? <MadePassword {...made} onDone={done} /> : <UserForm onMade={setMade} />}
    </Modal>
  );
}

function UserForm({ onMade }: { onMade: (made: Made) => void }) {
  const groups = useGroups();
  const [chosen, setChosen] = useState<string[]>([]);
  const create = useChange(createUser, [keys.users, keys.groups]);
  const fields = useFields({ username: '', fullName: '', email: '', role: 'user', password: '' }, create.error);
  const taken = create.error instanceof ApiError && create.error.status === 409;
  const name = fields.text('username');

  function submit() {
    const { username, fullName, email, role, password } = fields.values;
    const wrong = fields.refuse({
      username: username.trim() ? undefined : 'Choose a user name',
      password: [...password].length >= PASSWORD_MIN ? undefined : `At least ${PASSWORD_MIN} characters`,
    });
    if (wrong) return;
    const body = {
      username: username.trim(),
      password,
      fullName: fullName.trim() || undefined,
      email: email.trim() || undefined,
      role: role as Role,
    };
    create.mutate(body, {
      async onSuccess(user) {
        // The account is there; a group that refuses is worth a word and no more.
        const results = await Promise.allSettled(chosen.map((group) => addMember(group, user.username)));
        results.forEach((result, i) => {
          if (result.status === 'rejected') notifyError(`Not added to ${chosen[i]}`, errorText(result.reason));
        });
        notify('User created', user.username);
        onMade({ username: user.username, password });
      },
    });
  }

  return (
    <Form onSubmit={submit} fields={taken ? { ...fields, formError: undefined } : fields}>
      <TextInput
        label="User name"
        description="a–z, 0–9, dot, dash and underscore; it stays as it is"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        data-autofocus
        {...name}
        onChange={(event) => {
          if (taken) create.reset();
          name.onChange(event);
        }}
        error={name.error ?? (taken ? errorText(create.error) : undefined)}
        data-testid="user-username"
      />
      <Group grow align="flex-start">
        <TextInput label="Full name" placeholder="Optional" autoComplete="off" {...fields.text('fullName')} data-testid="user-fullname" />
        <TextInput label="Email" placeholder="Optional" type="email" autoComplete="off" {...fields.text('email')} data-testid="user-email" />
      </Group>
      <Select
        label="Role"
        description={roleText[fields.values.role as Role]}
        allowDeselect={false}
        data={ROLES.map((role) => ({ value: role, label: role.charAt(0).toUpperCase() + role.slice(1) }))}
        value={fields.values.role}
        onChange={(role) => fields.set({ role: role ?? 'user' })}
        error={fields.errorOf('role')}
        data-testid="user-role"
      />
      <MultiSelect
        label="Groups"
        placeholder={chosen.length ? undefined : 'None'}
        searchable
        data={(groups.data?.items ?? []).map((group) => ({ value: group.name, label: group.displayName || group.name }))}
        value={chosen}
        onChange={setChosen}
        nothingFoundMessage="No such group"
        data-testid="user-groups"
      />
      <Stack gap={6}>
        <NewPassword label="First password" {...fields.text('password')} data-testid="user-password" />
        <Group>
          <Button size="xs" variant="default" leftSection={<IconDice5 size={15} aria-hidden />} onClick={() => fields.set({ password: makePassword() })}>
            Make one up
          </Button>
        </Group>
      </Stack>
      <Group justify="flex-end">
        <Button type="submit" loading={create.isPending} data-testid="user-create">
          Create user
        </Button>
      </Group>
    </Form>
  );
}
