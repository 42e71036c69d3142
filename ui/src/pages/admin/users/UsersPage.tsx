import { Avatar, Badge, Button, Group, Select, Text, Tooltip } from '@mantine/core';
import { IconShieldCheck, IconUserPlus, IconUsers } from '@tabler/icons-react';
import { ROLES, type User } from '@/api/types';
import { Elapsed } from '@/components/Elapsed';
import { EmptyState } from '@/components/EmptyState';
import { LoadError } from '@/components/LoadError';
import { PageHeader } from '@/components/PageHeader';
import { StatusDot } from '@/components/StatusDot';
import { NothingFits, RowsLoading, ShowMore } from '@/components/data/List';
import { SearchInput } from '@/components/data/SearchInput';
import table from '@/components/data/Table.module.css';
import { flatten } from '@/hooks/queries';
import { useUsers } from '@/hooks/people';
import { useDialog } from '@/hooks/useDialog';
import { useFilters } from '@/hooks/useFilters';
import { useOpened } from '@/hooks/useOpened';
import { roleColor } from '@/lib/roles';
import { NewUserModal } from './NewUserModal';
import { UserDrawer } from './UserDrawer';

export function UsersPage() {
  const filters = useFilters(['search', 'role', 'active'] as const);
  const users = useUsers(filters.values);
  const list = flatten(users.data);
  const total = users.data?.pages[0]?.total ?? 0;
  const opened = useOpened();
  const creating = useDialog<true>();
  return (
    <>
      <PageHeader title="Users" text={users.isSuccess ? count(total, filters.any) : 'Who may sign in, and what they may do.'}>
        <Button leftSection={<IconUserPlus size={17} aria-hidden />} onClick={() => creating.open(true)} data-testid="new-user">
          New user
        </Button>
      </PageHeader>
      <Group mb="md" gap="sm">
        <SearchInput what="users" hotkey value={filters.values.search ?? ''} onChange={(text) => filters.set('search', text)} style={{ flex: '1 1 240px', maxWidth: 380 }} data-testid="users-search" />
        <Select
          aria-label="Role"
          placeholder="Any role"
          clearable
          style={{ flex: '1 1 120px', maxWidth: 160 }}
          data={ROLES.map((role) => ({ value: role, label: capital(role) }))}
          value={filters.values.role ?? null}
          onChange={(value) => filters.set('role', value)}
          clearButtonProps={{ 'aria-label': 'Any role' }}
        />
        <Select
          aria-label="Status"
          placeholder="Any status"
          clearable
          style={{ flex: '1 1 120px', maxWidth: 160 }}
          data={[
            { value: 'true', label: 'Active' },
            { value: 'false', label: 'Deactivated' },
          ]}
          value={filters.values.active ?? null}
          onChange={(value) => filters.set('active', value)}
          clearButtonProps={{ 'aria-label': 'Any status' }}
        />
      </Group>
      {users.isPending ? (
        <RowsLoading what="users" />
      ) : users.isError ? (
        <LoadError error={users.error} onRetry={() => void users.refetch()} what="The users" />
      ) : list.length === 0 ? (
        filters.any ? (
          <NothingFits what="user" onClear={filters.clear} />
        ) : (
          <EmptyState icon={IconUsers} title="No users yet" text="Make an account for everybody who shall sign in with a password." />
        )
      ) : (
        <UserTable users={list} current={opened.name} onOpen={opened.open} />
      )}
      <ShowMore query={users} />
      <NewUserModal key={creating.count} opened={creating.opened} onClose={creating.close} onMade={opened.open} />
      <UserDrawer username={opened.shown} opened={opened.name !== undefined} onClose={opened.close} />
    </>
  );
}

interface TableProps {
  users: User[];
  current: string | undefined;
  onOpen: (username: string) => void;
}

function UserTable({ users, current, onOpen }: TableProps) {
  return (
    <div className={table.frame}>
      <table className={table.table}>
        <thead>
          <tr>
            <th scope="col">User</th>
            <th scope="col">Role</th>
            <th scope="col" className={table.roomy}>
              Groups
            </th>
            <th scope="col" className={table.wide}>
              Two-step
            </th>
            <th scope="col" className={table.wide}>
              Last sign-in
            </th>
            <th scope="col" className={table.wide}>
              Status
            </th>
          </tr>
        </thead>
        <tbody>
          {users.map((user) => (
            <UserRow key={user.username} user={user} current={user.username === current} onOpen={() => onOpen(user.username)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function UserRow({ user, current, onOpen }: { user: User; current: boolean; onOpen: () => void }) {
  const active = user.active !== false;
  return (
    <tr data-opens data-open={current || undefined} onClick={onOpen} data-testid={`user-${user.username}`} data-active={active}>
      <td>
        <div className={table.main}>
          <Avatar size={36} radius="xl" color={active ? 'tide' : 'gray'} variant="light" alt="">
            {(user.fullName || user.username).slice(0, 1).toUpperCase()}
          </Avatar>
          <div className={table.names}>
            <button type="button" className={table.open}>
              {user.fullName || user.username}
            </button>
            <span className={table.sub}>{[user.fullName && user.username, user.email].filter(Boolean).join(' · ')}</span>
            {!active && <span className={`${table.sub} ${table.narrow}`}>Deactivated</span>}
          </div>
        </div>
      </td>
      <td>
        <Badge color={roleColor[user.role]} tt="capitalize">
          {user.role}
        </Badge>
      </td>
      <td className={table.roomy}>
        <GroupBadges groups={user.groups ?? []} />
      </td>
      <td className={table.wide}>
        {user.mfaEnabled ? (
          <Tooltip label="Two-step sign-in is on">
            <IconShieldCheck size={19} color="var(--ss-accent-text)" aria-label="On" />
          </Tooltip>
        ) : (
          <span className={table.quiet}>Off</span>
        )}
      </td>
      <td className={`${table.wide} ${table.quiet} ${table.nowrap}`}>{user.lastLoginAt ? <Elapsed since={user.lastLoginAt} ago /> : 'never'}</td>
      <td className={table.wide}>
        <Group gap={7} wrap="nowrap">
          <StatusDot color={active ? 'green' : 'gray'} />
          <Text fz="sm">{active ? 'Active' : 'Deactivated'}</Text>
        </Group>
      </td>
    </tr>
  );
}

/** So many, and how many more there are. */
const SHOWN_GROUPS = 2;

function GroupBadges({ groups }: { groups: string[] }) {
  if (groups.length === 0) return <span className={table.quiet}>–</span>;
  return (
    <Group gap={6}>
      {groups.slice(0, SHOWN_GROUPS).map((group) => (
        <Badge key={group} color="gray" fw={500}>
          {group}
        </Badge>
      ))}
      {groups.length > SHOWN_GROUPS && (
        <Tooltip label={groups.slice(SHOWN_GROUPS).join(', ')}>
          <Text fz="xs" c="dimmed">
            +{groups.length - SHOWN_GROUPS}
          </Text>
        </Tooltip>
      )}
    </Group>
  );
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

function count(total: number, filtered: boolean): string {
  return `${total} ${total === 1 ? 'user' : 'users'}${filtered ? ' found' : ''}`;
}
