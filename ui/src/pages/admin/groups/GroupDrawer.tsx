import { Button, Drawer, Group as Row, Skeleton, Tabs, Text, Textarea, TextInput, ThemeIcon } from '@mantine/core';
import { IconUsersGroup } from '@tabler/icons-react';
import { keys } from '@/api/keys';
import { deleteGroup, updateGroup, type Group, type GroupChange } from '@/api/people';
import { ConfirmModal } from '@/components/ConfirmModal';
import { Form } from '@/components/form/Form';
import { LoadError } from '@/components/LoadError';
import { Section } from '@/components/Panel';
import { QuotaEditor } from '@/components/QuotaEditor';
import { QuotaUsage } from '@/components/QuotaUsage';
import { useGroup } from '@/hooks/people';
import { isAdmin, useUser } from '@/hooks/queries';
import { useChange } from '@/hooks/useChange';
import { useDialog } from '@/hooks/useDialog';
import { useFields } from '@/hooks/useFields';
import { notify } from '@/lib/notify';
import { Members } from './Members';

interface Props {
  name: string | undefined;
  opened: boolean;
  onClose: () => void;
}

/** For administrators, and, with less to change, for the group's managers. */
export function GroupDrawer({ name, opened, onClose }: Props) {
  return (
    <Drawer opened={opened} onClose={onClose} size={580} title={name && <Heading name={name} />}>
      {name && <Body key={name} name={name} onGone={onClose} />}
    </Drawer>
  );
}

function Heading({ name }: { name: string }) {
  const { data } = useGroup(name);
  return (
    <Row gap="sm" wrap="nowrap">
      <ThemeIcon variant="light" size={38} radius="xl">
        <IconUsersGroup size={20} stroke={1.7} />
      </ThemeIcon>
      <div>
        <Text fw={650} lh={1.3}>
          {data?.displayName || name}
        </Text>
        <Text fz="sm" c="dimmed">
          {name}
        </Text>
      </div>
    </Row>
  );
}

function Body({ name, onGone }: { name: string; onGone: () => void }) {
  const group = useGroup(name);
  const admin = isAdmin(useUser());
  if (group.isPending) return <Skeleton h={320} mt="sm" />;
  if (group.isError) return <LoadError error={group.error} onRetry={() => void group.refetch()} what="This group" />;
  return (
    <Tabs defaultValue="members" keepMounted={false}>
      <Tabs.List mb="lg">
        <Tabs.Tab value="members">Members</Tabs.Tab>
        <Tabs.Tab value="quota">Quota</Tabs.Tab>
        {admin && <Tabs.Tab value="details">Details</Tabs.Tab>}
      </Tabs.List>
      <Tabs.Panel value="members">
        <Members group={name} />
      </Tabs.Panel>
      <Tabs.Panel value="quota">
        <Section title="Quota" text="What the sessions of all members may use together.">
          {admin ? <QuotaEditor owner={{ kind: 'group', name }} /> : <QuotaUsage owner={{ kind: 'group', name }} />}
        </Section>
      </Tabs.Panel>
      {admin && (
        <Tabs.Panel value="details">
          <Section title="Details">
            <DetailsForm key={[group.data.displayName, group.data.description].join('|')} group={group.data} />
          </Section>
          <Delete group={group.data} onGone={onGone} />
        </Tabs.Panel>
      )}
    </Tabs>
  );
}

function DetailsForm({ group }: { group: Group }) {
  const save = useChange((change: GroupChange) => updateGroup(group.name, change), [keys.groups]);
  const fields = useFields({ displayName: group.displayName ?? '', description: group.description ?? '' }, save.error);
  const submit = () =>
    save.mutate(
      { displayName: fields.values.displayName.trim(), description: fields.values.description.trim() },
      { onSuccess: () => notify('Group saved', group.name) },
    );
  return (
    <Form onSubmit={submit} fields={fields}>
      <TextInput label="Shown as" autoComplete="off" {...fields.text('displayName')} />
      <Textarea label="Description" autosize minRows={2} maxRows={6} {...fields.text('description')} />
      <Row justify="flex-end">
        <Button type="submit" disabled={!fields.changed} loading={save.isPending}>
          Save
        </Button>
      </Row>
    </Form>
  );
}

function Delete({ group, onGone }: { group: Group; onGone: () => void }) {
  const asking = useDialog<true>();
  const remove = useChange(() => deleteGroup(group.name), [keys.groups, keys.users]);
  const label = group.displayName || group.name;
  return (
    <Section
      title="Delete the group"
      text="Its members stay users."
      action={
        <Button variant="default" c="var(--mantine-color-error)" onClick={() => asking.open(true)} data-testid="group-delete">
          Delete
        </Button>
      }
    >
      <ConfirmModal
        opened={asking.opened}
        onClose={asking.close}
        title={`Delete ${label}?`}
        confirm="Delete group"
        pending={remove.isPending}
        error={remove.error}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess() {
              asking.close();
              notify('Group deleted', label);
              onGone();
            },
          })
        }
      >
        Its quota no longer bounds anybody, and its {group.memberCount ?? 0} members lose what is for this group only. This cannot be undone.
      </ConfirmModal>
    </Section>
  );
}
