import { UnstyledButton } from '@mantine/core';
import { IconChevronRight } from '@tabler/icons-react';
import { lazy, Suspense } from 'react';
import { Panel } from '@/components/Panel';
import { useGroups } from '@/hooks/people';
import { isAdmin, useUser } from '@/hooks/queries';
import { useOpened } from '@/hooks/useOpened';
import classes from './Account.module.css';

const GroupDrawer = lazy(async () => ({ default: (await import('@/pages/admin/groups/GroupDrawer')).GroupDrawer }));

/** For managers of groups; administrators have a page for all of them. */
export function ManagedGroups() {
  const user = useUser();
  const manages = !isAdmin(user) && (user.groups?.length ?? 0) > 0;
  const groups = useGroups(undefined, manages);
  const opened = useOpened();
  const list = (manages && groups.data?.items) || [];
  if (list.length === 0) return null;
  return (
    <Panel title="Groups you manage" data-testid="managed-groups">
      <ul className={classes.list}>
        {list.map((group) => (
          <li key={group.name}>
            <UnstyledButton className={classes.group} onClick={() => opened.open(group.name)}>
              <span>{group.displayName || group.name}</span>
              <span className={classes.count}>
                {group.memberCount ?? 0} {group.memberCount === 1 ? 'member' : 'members'}
              </span>
              <IconChevronRight size={17} aria-hidden />
            </UnstyledButton>
          </li>
        ))}
      </ul>
      {opened.shown && (
        <Suspense fallback={null}>
          <GroupDrawer name={opened.shown} opened={opened.name !== undefined} onClose={opened.close} />
        </Suspense>
      )}
    </Panel>
  );
}
