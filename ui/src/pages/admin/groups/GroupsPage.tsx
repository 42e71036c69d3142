import { Button, Group as Row, ThemeIcon } from '@mantine/core';
import { IconPlus, IconUsersGroup } from '@tabler/icons-react';
import type { Group } from '@/api/people';
import { EmptyState } from '@/components/EmptyState';
import { LoadError } from '@/components/LoadError';
import { PageHeader } from '@/components/PageHeader';
import { NothingFits, RowsLoading } from '@/components/data/List';
import { SearchInput } from '@/components/data/SearchInput';
import table from '@/components/data/Table.module.css';
import { useGroups } from '@/hooks/people';
import { useDialog } from '@/hooks/useDialog';
import { useFilters } from '@/hooks/useFilters';
import { useOpened } from '@/hooks/useOpened';
import { GroupDrawer } from './GroupDrawer';
import { NewGroupModal } from './NewGroupModal';

export function GroupsPage() {
  const filters = useFilters(['search'] as const);
  const groups = useGroups(filters.values.search);
  const opened = useOpened();
  const creating = useDialog<true>();
  const list = groups.data?.items ?? [];
  const create = (
    <Button leftSection={<IconPlus size={17} aria-hidden />} onClick={() => creating.open(true)} data-testid="new-group">
      New group
    </Button>
  );
  const none = groups.isSuccess && list.length === 0 && !filters.any;
  return (
    <>
      <PageHeader title="Groups" text="People who share templates and limits.">
        {!none && create}
      </PageHeader>
      {!none && (
        <Row mb="md">
          <SearchInput what="groups" hotkey value={filters.values.search ?? ''} onChange={(text) => filters.set('search', text)} style={{ flex: '1 1 240px', maxWidth: 380 }} />
        </Row>
      )}
      {groups.isPending ? (
        <RowsLoading what="groups" rows={4} />
      ) : groups.isError ? (
        <LoadError error={groups.error} onRetry={() => void groups.refetch()} what="The groups" />
      ) : none ? (
        <EmptyState icon={IconUsersGroup} title="No groups yet" text="A group can have a quota of its own, and templates can be for some groups only.">
          {create}
        </EmptyState>
      ) : list.length === 0 ? (
        <NothingFits what="group" onClear={filters.clear} />
      ) : (
        <GroupTable groups={list} current={opened.name} onOpen={opened.open} />
      )}
      <NewGroupModal key={creating.count} opened={creating.opened} onClose={creating.close} onMade={opened.open} />
      <GroupDrawer name={opened.shown} opened={opened.name !== undefined} onClose={opened.close} />
    </>
  );
}

interface TableProps {
  groups: Group[];
  current: string | undefined;
  onOpen: (name: string) => void;
}

function GroupTable({ groups, current, onOpen }: TableProps) {
  return (
    <div className={table.frame}>
      <table className={table.table}>
        <thead>
          <tr>
            <th scope="col">Group</th>
            <th scope="col" className={table.wide}>
              Description
            </th>
            <th scope="col" className={table.end}>
              Members
            </th>
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <tr key={group.name} data-opens data-open={group.name === current || undefined} onClick={() => onOpen(group.name)} data-testid={`group-${group.name}`}>
              <td>
                <div className={table.main}>
                  <ThemeIcon variant="light" size={36} radius="xl">
                    <IconUsersGroup size={19} stroke={1.7} />
                  </ThemeIcon>
                  <div className={table.names}>
                    <button type="button" className={table.open}>
                      {group.displayName || group.name}
                    </button>
                    {group.displayName && group.displayName !== group.name && <span className={table.sub}>{group.name}</span>}
                  </div>
                </div>
              </td>
              <td className={`${table.wide} ${table.quiet}`}>{group.description || '–'}</td>
              <td className={`${table.end} tabular`}>{group.memberCount ?? 0}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
