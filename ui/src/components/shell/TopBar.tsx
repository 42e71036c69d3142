import { ActionIcon, Group } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { Link } from 'react-router-dom';
import { Logo } from '@/components/Logo';
import { openPalette } from '@/components/palette/store';
import { LiveIndicator } from './LiveIndicator';
import classes from './Shell.module.css';
import { UserMenu } from './UserMenu';

export function TopBar() {
  return (
    <Group h="100%" px="md" gap="xs" wrap="nowrap">
      <Link to="/" className={classes.brand} style={{ paddingLeft: 0 }} aria-label="StreamSpace, applications">
        <Logo size={28} />
      </Link>
      <Group gap={4} ml="auto" wrap="nowrap">
        <LiveIndicator compact />
        <ActionIcon size={40} onClick={openPalette} aria-label="Search">
          <IconSearch size={20} />
        </ActionIcon>
        <UserMenu compact />
      </Group>
    </Group>
  );
}
