import { Avatar, Menu, Text, UnstyledButton, useMantineColorScheme, VisuallyHidden } from '@mantine/core';
import { IconCheck, IconCode, IconDeviceLaptop, IconLogout, IconMoon, IconSelector, IconSun } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from 'react-router-dom';
import { logout } from '@/api/account';
import * as api from '@/api/endpoints';
import { keys } from '@/api/keys';
import { useUser } from '@/hooks/queries';
import { notifyError } from '@/lib/notify';
import { API_DOCS, navFor } from './nav';
import classes from './Shell.module.css';

const schemes = [
  { value: 'light', label: 'Light', icon: IconSun },
  { value: 'auto', label: 'System', icon: IconDeviceLaptop },
  { value: 'dark', label: 'Dark', icon: IconMoon },
] as const;

export function UserMenu({ compact }: { compact?: boolean }) {
  const user = useUser();
  const signOut = useSignOut();
  const name = user.fullName || user.username;
  return (
    <Menu position={compact ? 'bottom-end' : 'top-start'} width={232}>
      <Menu.Target>
        <UnstyledButton className={compact ? undefined : classes.user} aria-label={compact ? `Account of ${name}` : undefined} data-testid="user-menu">
          <Avatar size={34} radius="xl" color="tide" variant="filled" name={name} alt="">
            {name.slice(0, 1).toUpperCase()}
          </Avatar>
          {!compact && (
            <>
              <div style={{ flex: 1, minWidth: 0 }}>
                <Text fz={14} fw={600} truncate lh={1.25}>
                  {name}
                </Text>
                <Text fz={12} c="dimmed" tt="capitalize" lh={1.25}>
                  {user.role}
                </Text>
              </div>
              <IconSelector size={16} color="var(--mantine-color-dimmed)" aria-hidden />
            </>
          )}
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {user.username}
          {user.email ? ` · ${user.email}` : ''}
        </Menu.Label>
        {navFor(user.role)
          .filter((item) => item.section === 'account')
          .map(({ to, label, icon: Glyph }) => (
            <Menu.Item key={to} component={Link} to={to} leftSection={<Glyph size={17} aria-hidden />}>
              {label}
            </Menu.Item>
          ))}
        <Menu.Divider />
        <SchemeItems />
        <Menu.Divider />
        <Menu.Item component="a" href={API_DOCS} leftSection={<IconCode size={17} aria-hidden />} data-testid="api-docs">
          API documentation
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={17} />} onClick={signOut} data-testid="sign-out">
          Sign out
        </Menu.Item>
        <VersionLine />
      </Menu.Dropdown>
    </Menu>
  );
}

function SchemeItems() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return schemes.map(({ value, label, icon: Glyph }) => (
    <Menu.Item
      key={value}
      closeMenuOnClick={false}
      leftSection={<Glyph size={17} aria-hidden />}
      rightSection={colorScheme === value ? <IconCheck size={16} aria-hidden /> : undefined}
      onClick={() => setColorScheme(value)}
      data-testid={`scheme-${value}`}
    >
      {label}
      {colorScheme === value && <VisuallyHidden>, chosen</VisuallyHidden>}
    </Menu.Item>
  ));
}

function VersionLine() {
  const { data } = useQuery({ queryKey: keys.version, queryFn: ({ signal }) => api.version(signal), staleTime: Infinity, retry: false });
  if (!data?.version) return null;
  return <Menu.Label fz={11}>StreamSpace {data.version}</Menu.Label>;
}

function useSignOut() {
  const client = useQueryClient();
  const navigate = useNavigate();
  return async () => {
    try {
      await logout();
    } catch (error) {
      notifyError('Could not sign out', error);
      return;
    }
    // Nothing that the next user of this browser should find.
    navigate('/login', { replace: true });
    client.clear();
  };
}
