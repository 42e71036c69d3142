import { ActionIcon, Autocomplete, Avatar, Badge, Button, Select, Skeleton, Stack, Text, TextInput, Tooltip } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconX } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { keys } from '@/api/keys';
import { addMember, removeMember, updateMember, type Member, type MemberRole } from '@/api/people';
import type { Page } from '@/api/types';
import { LoadError } from '@/components/LoadError';
import { Form } from '@/components/form/Form';
import { useMembers, useUsers } from '@/hooks/people';
import { flatten, isAdmin, useUser } from '@/hooks/queries';
import { useChange } from '@/hooks/useChange';
import { useFields } from '@/hooks/useFields';
import { notify, notifyError } from '@/lib/notify';
import classes from './Members.module.css';

export function Members({ group }: { group: string }) {
  const members = useMembers(group);
  return (
    <Stack gap="lg">
      <AddMember group={group} known={members.data?.items ?? []} />
      {members.isPending ? (
        <Stack gap="sm" role="status" aria-label="Loading the members">
          <Skeleton h={44} />
          <Skeleton h={44} />
          <Skeleton h={44} />
        </Stack>
      ) : members.isError ? (
        <LoadError error={members.error} onRetry={() => void members.refetch()} what="The members" />
      ) : members.data.items.length === 0 ? (
        <Text fz="sm" c="dimmed" ta="center" py="lg">
          Nobody is in this group yet.
        </Text>
      ) : (
        <ul className={classes.list} aria-label="Members">
          {members.data.items.map((member) => (
            <MemberItem key={member.username} group={group} member={member} />
          ))}
        </ul>
      )}
    </Stack>
  );
}

function AddMember({ group, known }: { group: string; known: Member[] }) {
  const admin = isAdmin(useUser());
  const add = useChange((username: string) => addMember(group, username), [keys.groups, keys.users, keys.quotas]);
  const fields = useFields({ username: '' }, add.error);
  const props = fields.text('username');

  function submit() {
    const username = fields.values.username.trim();
    const twice = known.some((member) => member.username === username);
    if (fields.refuse({ username: !username ? 'Enter a user name' : twice ? 'Is a member already' : undefined })) return;
    add.mutate(username, {
      onSuccess() {
        notify('Member added', username);
        fields.reset({ username: '' });
      },
    });
  }

  return (
    <Form onSubmit={submit} fields={fields} label="Add a member">
      <div className={classes.add}>
        {admin ? (
          <UserInput {...props} onChange={(username) => fields.set({ username })} known={known} />
        ) : (
          <TextInput label="User name" autoComplete="off" autoCapitalize="none" spellCheck={false} {...props} data-testid="member-username" />
        )}
        <Button type="submit" loading={add.isPending} data-testid="member-add">
          Add
        </Button>
      </div>
    </Form>
  );
}

interface UserInputProps {
  name: string;
  value: string;
  error: string | undefined;
  onChange: (username: string) => void;
  known: Member[];
}

/** Suggests users as one types. */
function UserInput({ known, value, ...props }: UserInputProps) {
  const [search] = useDebouncedValue(value.trim(), 200);
  const found = flatten(useUsers(search ? { search } : {}).data);
  const names = new Map(found.map((user) => [user.username, user.fullName]));
  return (
    <Autocomplete
      label="User"
      placeholder="Search by name"
      autoComplete="off"
      value={value}
      limit={20}
      data={found.map((user) => user.username).filter((username) => !known.some((member) => member.username === username))}
      // The server has searched: by full name and address, too.
      filter={({ options }) => options}
      renderOption={({ option }) => (
        <div>
          <Text fz="sm">{option.value}</Text>
          {names.get(option.value) && (
            <Text fz="xs" c="dimmed">
              {names.get(option.value)}
            </Text>
          )}
        </div>
      )}
      {...props}
      data-testid="member-username"
    />
  );
}

function MemberItem({ group, member }: { group: string; member: Member }) {
  const admin = isAdmin(useUser());
  const client = useQueryClient();
  const stale = [keys.groups, keys.users, keys.quotas];
  const remove = useChange(() => removeMember(group, member.username), stale);
  const change = useChange((role: MemberRole) => updateMember(group, member.username, role), [keys.groups]);
  const edit = (items: (old: Member[]) => Member[]) =>
    client.setQueryData<Page<Member>>(keys.members(group), (old) => old && { ...old, items: items(old.items) });

  function setRole(role: MemberRole) {
    edit((old) => old.map((other) => (other.username === member.username ? { ...other, role } : other)));
    change.mutate(role, { onError: (error) => notifyError('The role could not be changed', error) });
  }

  function drop() {
    edit((old) => old.filter((other) => other.username !== member.username));
    remove.mutate(undefined, {
      onSuccess: () => notify('Member removed', member.username),
      onError: (error) => notifyError(`${member.username} could not be removed`, error),
    });
  }

  return (
    <li data-testid={`member-${member.username}`} data-role={member.role}>
      <Avatar size={34} radius="xl" color="tide" variant="light" alt="">
        {(member.fullName || member.username).slice(0, 1).toUpperCase()}
      </Avatar>
      <div className={classes.names}>
        <Text fz="sm" fw={600} truncate>
          {member.fullName || member.username}
        </Text>
        {member.fullName && (
          <Text fz={12.5} c="dimmed" truncate>
            {member.username}
          </Text>
        )}
      </div>
      {admin ? (
        <Select
          size="xs"
          w={112}
          aria-label={`Role of ${member.username}`}
          allowDeselect={false}
          data={[
            { value: 'member', label: 'Member' },
            { value: 'manager', label: 'Manager' },
          ]}
          value={member.role}
          onChange={(role) => role && role !== member.role && setRole(role as MemberRole)}
        />
      ) : (
        <Badge color={member.role === 'manager' ? 'tide' : 'gray'} tt="capitalize">
          {member.role}
        </Badge>
      )}
      {(admin || member.role === 'member') && (
        <Tooltip label="Remove from the group">
          <ActionIcon size={34} onClick={drop} aria-label={`Remove ${member.username} from the group`}>
            <IconX size={17} />
          </ActionIcon>
        </Tooltip>
      )}
    </li>
  );
}
