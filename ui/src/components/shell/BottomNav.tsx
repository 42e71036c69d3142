import { Drawer } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconAdjustmentsHorizontal } from '@tabler/icons-react';
import { NavLink, useLocation } from 'react-router-dom';
import { sectionLabel, type NavItem } from './nav';
import classes from './Shell.module.css';

/** Phones: the workspace as tabs, and administration, which may grow, as one more. */
export function BottomNav({ items }: { items: NavItem[] }) {
  const [opened, sheet] = useDisclosure(false);
  const { pathname } = useLocation();
  const admin = items.filter((item) => item.section === 'administration');
  return (
    <nav aria-label="Main" className={classes.bottom}>
      {items
        .filter((item) => item.section === 'workspace')
        .map(({ to, label, icon: Glyph }) => (
          <NavLink key={to} to={to} end={to === '/'} className={classes.tab}>
            <Glyph size={22} stroke={1.7} aria-hidden />
            {label}
          </NavLink>
        ))}
      {admin.length > 0 && (
        <button
          type="button"
          className={classes.tab}
          onClick={sheet.open}
          data-active={pathname.startsWith('/admin') || undefined}
          aria-haspopup="dialog"
        >
          <IconAdjustmentsHorizontal size={22} stroke={1.7} aria-hidden />
          Admin
        </button>
      )}
      <Drawer opened={opened} onClose={sheet.close} position="bottom" size={84 + admin.length * 46} title={sectionLabel.administration}>
        {admin.map(({ to, label, icon: Glyph }) => (
          <NavLink key={to} to={to} className={classes.link} onClick={sheet.close}>
            <Glyph size={20} stroke={1.7} aria-hidden />
            {label}
          </NavLink>
        ))}
      </Drawer>
    </nav>
  );
}
