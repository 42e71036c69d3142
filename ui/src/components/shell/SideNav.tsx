import { Kbd, UnstyledButton } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { Link, NavLink } from 'react-router-dom';
import { Logo } from '@/components/Logo';
import { openPalette } from '@/components/palette/store';
import { modKey } from '@/lib/platform';
import { LiveIndicator } from './LiveIndicator';
import { isExact, sectionLabel, type NavItem, type NavSection } from './nav';
import { SessionCount } from './SessionCount';
import classes from './Shell.module.css';
import { UserMenu } from './UserMenu';

export function SideNav({ items }: { items: NavItem[] }) {
  const sections = [...new Set(items.map((item) => item.section))].filter((section) => section !== 'account');
  return (
    <>
      <Link to="/" className={classes.brand} aria-label="StreamSpace, applications">
        <Logo />
      </Link>
      <UnstyledButton className={classes.search} mt={18} onClick={openPalette} data-testid="open-palette">
        <IconSearch size={16} aria-hidden />
        <span style={{ flex: 1 }}>Search</span>
        <Kbd size="xs">{modKey} K</Kbd>
      </UnstyledButton>
      <div style={{ flex: 1, overflowY: 'auto' }}>
        {sections.map((section) => (
          <Section key={section} section={section} items={items.filter((item) => item.section === section)} />
        ))}
      </div>
      <LiveIndicator />
      <UserMenu />
    </>
  );
}

function Section({ section, items }: { section: NavSection; items: NavItem[] }) {
  return (
    <>
      <div className={classes.section}>{sectionLabel[section]}</div>
      {items.map(({ to, label, icon: Glyph }) => (
        <NavLink key={to} to={to} end={isExact(to)} className={classes.link}>
          <Glyph size={19} stroke={1.7} aria-hidden />
          {label}
          {to === '/sessions' && <SessionCount className={classes.count} />}
        </NavLink>
      ))}
    </>
  );
}
