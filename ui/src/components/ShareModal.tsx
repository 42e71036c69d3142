import { ActionIcon, Alert, Badge, Button, Group, Modal, SegmentedControl, Select, Stack, Text, TextInput, Tooltip } from '@mantine/core';
import { IconLink, IconTrash, IconUser } from '@tabler/icons-react';
import { useState } from 'react';
import { errorText } from '@/api/http';
import { linkUrl, type NewShare, type Share, type ShareMode } from '@/api/shares';
import type { Session } from '@/api/types';
import { CopyLine } from '@/components/CopyLine';
import { useCreateShare, useDeleteShare, useShares } from '@/hooks/shares';
import { serverNow } from '@/lib/clock';
import { notifyError } from '@/lib/notify';

interface Props {
  session: Session | undefined;
  /** What people call it. */
  label: string;
  opened: boolean;
  onClose: () => void;
}

/** Who else may see or use a session. */
export function ShareModal({ session, label, opened, onClose }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title={<Text fw={650}>Share {label}</Text>} size="lg">
      {session && <Shares session={session} key={session.name} />}
    </Modal>
  );
}

function Shares({ session }: { session: Session }) {
  const shares = useShares(session.name, true);
  const remove = useDeleteShare(session.name);
  const [made, setMade] = useState<Share>();
  const withdraw = (share: Share) =>
    remove.mutate(share.id, {
      onSuccess: () => made?.id === share.id && setMade(undefined),
      onError: (error) => notifyError('The share could not be withdrawn', error),
    });
  return (
    <Stack gap="md">
      <ShareForm session={session} onMade={setMade} />
      {made && (
        <Alert color="tide" title="The link, shown this once" data-testid="share-made">
          <CopyLine value={linkUrl(made)} what="the link" data-testid="share-link" />
          <Text fz="xs" c="dimmed" mt={6}>
            Whoever has it can {made.mode === 'view' ? 'see' : 'use'} this session.
          </Text>
        </Alert>
      )}
      {shares.isError && <Text c="var(--mantine-color-error)">{errorText(shares.error)}</Text>}
      {shares.data?.length === 0 && (
        <Text fz="sm" c="dimmed">
          Nobody else can see this session.
        </Text>
      )}
      <Stack gap={6} component="ul" p={0} m={0} style={{ listStyle: 'none' }} aria-label="Shared with">
        {shares.data?.map((share) => (
          <ShareRow key={share.id} share={share} busy={remove.isPending && remove.variables === share.id} onRemove={() => withdraw(share)} />
        ))}
      </Stack>
    </Stack>
  );
}

function ShareRow({ share, busy, onRemove }: { share: Share; busy: boolean; onRemove: () => void }) {
  const name = share.link ? 'Whoever has the link' : share.username;
  const Glyph = share.link ? IconLink : IconUser;
  return (
    <Group component="li" gap="sm" wrap="nowrap" data-testid={`share-${share.id}`}>
      <Glyph size={17} aria-hidden />
      <Text fz="sm" style={{ flex: 1, minWidth: 0 }} truncate>
        {name}
        {share.expiresAt && (
          <Text span fz="xs" c="dimmed">
            {' '}
            until {new Date(share.expiresAt).toLocaleString()}
          </Text>
        )}
      </Text>
      <Badge color={share.mode === 'view' ? 'gray' : 'tide'}>{share.mode === 'view' ? 'Looks' : 'Uses it'}</Badge>
      <Tooltip label="Withdraw">
        <ActionIcon size={34} color="red" onClick={onRemove} loading={busy} aria-label={`Withdraw the share of ${name}`} data-testid={`share-remove-${share.id}`}>
          <IconTrash size={17} />
        </ActionIcon>
      </Tooltip>
    </Group>
  );
}

const HOUR_MS = 3_600_000;
const lasts = [
  { value: '0', label: 'With the session' },
  { value: '1', label: 'In an hour' },
  { value: '8', label: 'In 8 hours' },
  { value: '24', label: 'In a day' },
  { value: '168', label: 'In a week' },
];

function ShareForm({ session, onMade }: { session: Session; onMade: (share: Share | undefined) => void }) {
  const create = useCreateShare(session.name);
  const [how, setHow] = useState<'user' | 'link'>('user');
  const [username, setUsername] = useState('');
  const [mode, setMode] = useState<ShareMode>('view');
  const [hours, setHours] = useState('0');

  function submit(event: React.FormEvent) {
    event.preventDefault();
    const end = Number(hours) ? { expiresAt: new Date(serverNow() + Number(hours) * HOUR_MS).toISOString() } : {};
    const body: NewShare = how === 'link' ? { link: true, mode, ...end } : { username: username.trim(), mode, ...end };
    create.mutate(body, {
      onSuccess: (share) => {
        onMade(share.link ? share : undefined);
        setUsername('');
      },
    });
  }

  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <SegmentedControl
          aria-label="Share with"
          value={how}
          onChange={(value) => {
            setHow(value as 'user' | 'link');
            create.reset();
          }}
          data={[
            { value: 'user', label: 'A person' },
            { value: 'link', label: 'A link' },
          ]}
        />
        {how === 'user' && (
          <TextInput
            label="User name"
            value={username}
            onChange={(event) => setUsername(event.currentTarget.value)}
            autoComplete="off"
            autoCapitalize="none"
            required
            data-testid="share-user"
          />
        )}
        <Group grow align="flex-start">
          <Select
            label="They may"
            value={mode}
            onChange={(value) => setMode((value ?? 'view') as ShareMode)}
            allowDeselect={false}
            data={[
              { value: 'view', label: 'Look only' },
              { value: 'control', label: 'Use it' },
            ]}
            data-testid="share-mode"
          />
          <Select label="It ends" value={hours} onChange={(value) => setHours(value ?? '0')} allowDeselect={false} data={lasts} />
        </Group>
        {create.isError && (
          <Text fz="sm" c="var(--mantine-color-error)" role="alert" data-testid="share-error">
            {errorText(create.error)}
          </Text>
        )}
        <Group justify="flex-end">
          <Button type="submit" loading={create.isPending} data-testid="share-create">
            {how === 'link' ? 'Make a link' : 'Share'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
