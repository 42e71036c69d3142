import { Badge, Button, Group, Select, Text, TextInput } from '@mantine/core';
import { Link } from 'react-router-dom';
import { keys } from '@/api/keys';
import { updateUser, type UserChange } from '@/api/people';
import { ROLES, type Role, type User } from '@/api/types';
import { Form } from '@/components/form/Form';
import { Section } from '@/components/Panel';
import { useUser } from '@/hooks/queries';
import { useChange } from '@/hooks/useChange';
import { useFields } from '@/hooks/useFields';
import { formatTime } from '@/lib/duration';
import { notify } from '@/lib/notify';
import { roleText } from '@/lib/roles';
import classes from '../Admin.module.css';

export function UserProfile({ user }: { user: User }) {
  return (
    <>
      <Section title="Profile">
        <ProfileForm key={[user.fullName, user.email, user.role].join('|')} user={user} />
      </Section>
      <Section title="Groups">
        {user.groups && user.groups.length > 0 ? (
          <Group gap={8}>
            {user.groups.map((group) => (
              <Badge
                key={group}
                component={Link}
                to={`/admin/groups?open=${encodeURIComponent(group)}`}
                color="tide"
                fw={500}
                style={{ cursor: 'pointer' }}
              >
                {group}
              </Badge>
            ))}
          </Group>
        ) : (
          <Text fz="sm" c="dimmed">
            In no group. Members are added on the group’s page.
          </Text>
        )}
      </Section>
      <Section title="Times">
        <dl className={classes.facts}>
          <div>
            <dt>Created</dt>
            <dd>{formatTime(user.createdAt)}</dd>
          </div>
          <div>
            <dt>Changed</dt>
            <dd>{formatTime(user.updatedAt)}</dd>
          </div>
          <div>
            <dt>Last sign-in</dt>
            <dd>{user.lastLoginAt ? formatTime(user.lastLoginAt) : 'never'}</dd>
          </div>
        </dl>
      </Section>
    </>
  );
}

function ProfileForm({ user }: { user: User }) {
  const me = useUser();
  const save = useChange((change: UserChange) => updateUser(user.username, change), [keys.users, keys.me]);
  const fields = useFields({ fullName: user.fullName ?? '', email: user.email ?? '', role: user.role as string }, save.error);
  const role = fields.values.role as Role;

  function submit() {
    const { fullName, email } = fields.values;
    const change: UserChange = {};
    if (fullName.trim() !== (user.fullName ?? '')) change.fullName = fullName.trim();
    if (email.trim() !== (user.email ?? '')) change.email = email.trim();
    if (role !== user.role) change.role = role;
    save.mutate(change, { onSuccess: () => notify('User saved', user.username) });
  }

  return (
    <Form onSubmit={submit} fields={fields}>
      <TextInput label="Full name" autoComplete="off" {...fields.text('fullName')} data-testid="edit-fullname" />
      <TextInput label="Email" type="email" autoComplete="off" {...fields.text('email')} data-testid="edit-email" />
      <Select
        label="Role"
        description={role === user.role ? roleText[role] : `${roleText[role]}. The change signs ${user.username} out everywhere.`}
        allowDeselect={false}
        disabled={me.username === user.username}
        data={ROLES.map((value) => ({ value, label: value.charAt(0).toUpperCase() + value.slice(1) }))}
        value={role}
        onChange={(value) => fields.set({ role: value ?? user.role })}
        error={fields.errorOf('role')}
      />
      <Group justify="flex-end">
        <Button type="submit" disabled={!fields.changed} loading={save.isPending} data-testid="edit-save">
          Save
        </Button>
      </Group>
    </Form>
  );
}
