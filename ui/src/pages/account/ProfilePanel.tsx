import { Badge, Button, Group, Text, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { updateMe } from '@/api/account';
import { keys } from '@/api/keys';
import type { User } from '@/api/types';
import { Form } from '@/components/form/Form';
import { Panel } from '@/components/Panel';
import { useUser } from '@/hooks/queries';
import { useChange } from '@/hooks/useChange';
import { useFields } from '@/hooks/useFields';
import { notify } from '@/lib/notify';

export function ProfilePanel() {
  const user = useUser();
  return (
    <Panel
      title="Profile"
      text={
        <>
          Signed in as <strong>{user.username}</strong>
        </>
      }
      action={
        <Badge tt="capitalize" color="tide">
          {user.role}
        </Badge>
      }
    >
      <ProfileForm key={`${user.fullName}|${user.email}`} user={user} />
      {user.groups && user.groups.length > 0 && (
        <Group gap={6}>
          <Text fz="sm" c="dimmed" mr={4}>
            Member of
          </Text>
          {user.groups.map((group) => (
            <Badge key={group} color="gray" fw={500}>
              {group}
            </Badge>
          ))}
        </Group>
      )}
    </Panel>
  );
}

function ProfileForm({ user }: { user: User }) {
  const client = useQueryClient();
  const save = useChange(updateMe, [keys.users]);
  const fields = useFields({ fullName: user.fullName ?? '', email: user.email ?? '' }, save.error);

  function submit() {
    const { fullName, email } = fields.values;
    save.mutate(
      { fullName: fullName.trim(), email: email.trim() },
      {
        onSuccess(changed) {
          client.setQueryData<User>(keys.me, (old) => old && { ...old, ...changed });
          notify('Profile saved');
        },
      },
    );
  }

  return (
    <Form onSubmit={submit} fields={fields} label="Profile">
      <TextInput label="Full name" autoComplete="name" maxLength={200} {...fields.text('fullName')} data-testid="profile-name" />
      <TextInput label="Email" type="email" autoComplete="email" {...fields.text('email')} data-testid="profile-email" />
      <Group justify="flex-end">
        <Button type="submit" disabled={!fields.changed} loading={save.isPending} data-testid="profile-save">
          Save profile
        </Button>
      </Group>
    </Form>
  );
}
