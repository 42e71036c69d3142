import { Avatar, Badge, Drawer, Group, Skeleton, Tabs, Text } from '@mantine/core';
import type { User } from '@/api/types';
import { LoadError } from '@/components/LoadError';
import { QuotaEditor } from '@/components/QuotaEditor';
import { Section } from '@/components/Panel';
import { useUserOf } from '@/hooks/people';
import { roleColor } from '@/lib/roles';
import { UserAccess } from './UserAccess';
import { UserDanger } from './UserDanger';
import { UserProfile } from './UserProfile';

interface Props {
  username: string | undefined;
  opened: boolean;
  onClose: () => void;
}

export function UserDrawer({ username, opened, onClose }: Props) {
  return (
    <Drawer opened={opened} onClose={onClose} size={580} title={username && <Heading username={username} />}>
      {username && <Body key={username} username={username} onGone={onClose} />}
    </Drawer>
  );
}

function Heading({ username }: { username: string }) {
  const { data } = useUserOf(username);
  return (
    <Group gap="sm" wrap="nowrap">
      <Avatar size={38} radius="xl" color={data?.active === false ? 'gray' : 'tide'} variant="light" alt="">
        {(data?.fullName || username).slice(0, 1).toUpperCase()}
      </Avatar>
      <div>
        <Text fw={650} lh={1.3}>
          {data?.fullName || username}
        </Text>
        <Group gap={6}>
          <Text fz="sm" c="dimmed">
            {username}
          </Text>
          {data && (
            <Badge size="sm" color={roleColor[data.role]} tt="capitalize">
              {data.role}
            </Badge>
          )}
          {data?.active === false && (
            <Badge size="sm" color="gray">
              Deactivated
            </Badge>
          )}
        </Group>
      </div>
    </Group>
  );
}

function Body({ username, onGone }: { username: string; onGone: () => void }) {
  const user = useUserOf(username);
  if (user.isPending) return <Skeleton h={320} mt="sm" />;
  if (user.isError) return <LoadError error={user.error} onRetry={() => void user.refetch()} what="This user" />;
  return <Details user={user.data} onGone={onGone} />;
}

function Details({ user, onGone }: { user: User; onGone: () => void }) {
  return (
    <Tabs defaultValue="profile" keepMounted={false}>
      <Tabs.List mb="lg">
        <Tabs.Tab value="profile">Profile</Tabs.Tab>
        <Tabs.Tab value="access">Access</Tabs.Tab>
        <Tabs.Tab value="quota" data-testid="tab-quota">
          Quota
        </Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="profile">
        <UserProfile user={user} />
        <UserDanger user={user} onGone={onGone} />
      </Tabs.Panel>
      <Tabs.Panel value="access">
        <UserAccess user={user} />
      </Tabs.Panel>
      <Tabs.Panel value="quota">
        <Section title="Quota" text="What the user’s sessions may use together.">
          <QuotaEditor owner={{ kind: 'user', name: user.username }} />
        </Section>
      </Tabs.Panel>
    </Tabs>
  );
}
