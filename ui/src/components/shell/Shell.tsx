import { AppShell } from '@mantine/core';
import { Outlet } from 'react-router-dom';
import { useUser } from '@/hooks/queries';
import { PaletteHost } from '@/components/palette/PaletteHost';
import { BottomNav } from './BottomNav';
import { navFor } from './nav';
import { SideNav } from './SideNav';
import classes from './Shell.module.css';
import { TopBar } from './TopBar';

export function Shell() {
  const items = navFor(useUser().role);
  return (
    <>
      <a className="skip-link" href="#main">
        Skip to content
      </a>
      <AppShell
        navbar={{ width: 'var(--ss-nav-width)', breakpoint: 'sm', collapsed: { mobile: true } }}
        header={{ height: { base: 56, sm: 0 } }}
        footer={{ height: { base: 'calc(60px + env(safe-area-inset-bottom))', sm: 0 } }}
        transitionDuration={0}
      >
        <AppShell.Header hiddenFrom="sm" className={classes.header}>
          <TopBar />
        </AppShell.Header>
        <AppShell.Navbar className={classes.navbar}>
          <SideNav items={items} />
        </AppShell.Navbar>
        <AppShell.Main id="main" tabIndex={-1} className={classes.main}>
          <div className={classes.content}>
            <Outlet />
          </div>
        </AppShell.Main>
        <AppShell.Footer hiddenFrom="sm" className={classes.footer}>
          <BottomNav items={items} />
        </AppShell.Footer>
      </AppShell>
      <PaletteHost />
    </>
  );
}
