import { Drawer } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconAdjustmentsHorizontal } from '@tabler/icons-react';
import { NavLink, useLocation } from 'react-router-dom';
import { isAdminSection, isExact, sectionLabel, type NavItem } from './nav';
import classes from './Shell.module.css';

/** Phones: the workspace as tabs, and administration, which may grow, as one more. */
export function BottomNav({ items }: { items: NavItem[] }) {
  const [opened, sheet] = useDisclosure(false);
  const { pathname } = useLocation();
  const admin = items.filter((item) => isAdminSection(item.section));
  const sections = [...new Set(admin.map((item) => item.section))];
  return (
    <nav aria-label="Main" className={classes.bottom}>
      {items
        .filter((item) => item.section === 'workspace')
        .map(({ to, label, icon: Glyph }) => (
          <NavLink key={to} to={to} end={isExact(to)} className={classes.tab}>
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
      <Drawer opened={opened} onClose={sheet.close} position="bottom" size="auto" title="Administration" styles={{ content: { maxHeight: '85dvh' } }}>
        {sections.map((section) => (
          <div key={section} role="group" aria-label={sectionLabel[section]} className={classes.sheetGroup}>
            {admin
              .filter((item) => item.section === section)
              .map(({ to, label, icon: Glyph }) => (
                <NavLink key={to} to={to} end={isExact(to)} className={classes.link} onClick={sheet.close}>
                  <Glyph size={20} stroke={1.7} aria-hidden />
                  {label}
                </NavLink>
              ))}
          </div>
        ))}
      </Drawer>
    </nav>
  );
}
