import { ActionIcon, Badge, Button, Skeleton, Stack, Text, ThemeIcon, Tooltip } from '@mantine/core';
import { IconDeviceDesktop, IconDeviceMobile, IconTerminal2, IconX } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { endLogin, type Login } from '@/api/account';
import { errorText } from '@/api/http';
import { keys } from '@/api/keys';
import { ConfirmModal } from '@/components/ConfirmModal';
import { Elapsed } from '@/components/Elapsed';
import { Panel } from '@/components/Panel';
import { useLogins } from '@/hooks/account';
import { useChange } from '@/hooks/useChange';
import { useDialog } from '@/hooks/useDialog';
import { notify, notifyError } from '@/lib/notify';
import { describeAgent, type AgentKind } from '@/lib/userAgent';
import classes from './Account.module.css';

const GLYPHS: Record<AgentKind, typeof IconDeviceDesktop> = { desktop: IconDeviceDesktop, mobile: IconDeviceMobile, program: IconTerminal2 };

export function BrowsersPanel() {
  const logins = useLogins();
  const client = useQueryClient();
  const end = useChange(endLogin, [keys.logins]);
  const everywhere = useDialog<Login['id'][]>();
  const endAll = useChange(async (ids: Login['id'][]) => {
    for (const id of ids) await endLogin(id);
  }, [keys.logins]);
  const list = [...(logins.data ?? [])].sort((a, b) => Number(b.current) - Number(a.current) || (b.usedAt ?? '').localeCompare(a.usedAt ?? ''));
  const others = list.filter((login) => !login.current);

  function endOne(login: Login) {
    // Gone from the list at once; it comes back should the server refuse.
    client.setQueryData<Login[]>(keys.logins, (old) => old?.filter((other) => other.id !== login.id));
    end.mutate(login.id, {
      onSuccess: () => notify('Signed out', describeAgent(login.userAgent).label),
      onError: (error) => notifyError('Could not end this login', error),
    });
  }

  return (
    <Panel
      title="Where you are signed in"
      action={
        others.length > 1 && (
          <Button size="xs" variant="default" onClick={() => everywhere.open(others.map((login) => login.id))}>
            End all others
          </Button>
        )
      }
      data-testid="browsers-panel"
    >
      {logins.isPending ? (
        <Stack gap="sm" role="status" aria-label="Loading the browsers">
          <Skeleton h={44} />
          <Skeleton h={44} />
        </Stack>
      ) : logins.isError ? (
        <Text fz="sm" c="var(--mantine-color-error)" role="alert">
          {errorText(logins.error)}
        </Text>
      ) : (
        <ul className={classes.list}>
          {list.map((login) => (
            <LoginItem key={login.id} login={login} onEnd={() => endOne(login)} />
          ))}
        </ul>
      )}
      <ConfirmModal
        opened={everywhere.opened}
        onClose={everywhere.close}
        title="End all other logins?"
        confirm="End them"
        pending={endAll.isPending}
        error={endAll.error}
        onConfirm={() =>
          everywhere.value &&
          endAll.mutate(everywhere.value, {
            onSuccess() {
              everywhere.close();
              notify('All others are signed out');
            },
          })
        }
      >
        {everywhere.value?.length} browsers and programs have to sign in again, and screens that they show of your sessions close. The sessions
        themselves go on.
      </ConfirmModal>
    </Panel>
  );
}

function LoginItem({ login, onEnd }: { login: Login; onEnd: () => void }) {
  const { label, kind } = describeAgent(login.userAgent);
  const Glyph = GLYPHS[kind];
  return (
    <li data-testid={`login-${login.id}`} data-current={login.current || undefined}>
      <ThemeIcon variant="light" color={login.current ? 'tide' : 'gray'} size={38} radius="md">
        <Glyph size={20} stroke={1.6} />
      </ThemeIcon>
      <div style={{ flex: 1, minWidth: 0 }}>
        <Text fz="sm" fw={600} truncate title={login.userAgent ?? undefined}>
          {label}
        </Text>
        <Text fz={12.5} c="dimmed">
          {login.address ?? 'unknown address'} · {login.current ? 'now' : <Elapsed since={login.usedAt ?? login.createdAt} ago />}
        </Text>
      </div>
      {login.current ? (
        <Badge color="tide">This browser</Badge>
      ) : (
        <Tooltip label="End this login">
          <ActionIcon size={36} onClick={onEnd} aria-label={`End the login of ${label}`} data-testid="end-login">
            <IconX size={18} />
          </ActionIcon>
        </Tooltip>
      )}
    </li>
  );
}
