import { AppShell } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useEffect, useRef } from 'react';
import { Outlet, useLocation } from 'react-router-dom';
import { useUser } from '@/hooks/queries';
import { PaletteHost } from '@/components/palette/PaletteHost';
import { BottomNav } from './BottomNav';
import { navFor } from './nav';
import { SideNav } from './SideNav';
import classes from './Shell.module.css';
import { TopBar } from './TopBar';

export function Shell() {
  const items = navFor(useUser().role);
  const phone = useMediaQuery('(max-width: 47.99em)', false, { getInitialValueInEffect: false });
  useFreshPage();
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
          {phone && <TopBar />}
        </AppShell.Header>
        <AppShell.Navbar visibleFrom="sm" className={classes.navbar} aria-label="Main">
          {!phone && <SideNav items={items} />}
        </AppShell.Navbar>
        <AppShell.Main id="main" tabIndex={-1} className={classes.main}>
          <div className={classes.content}>
            <Outlet />
          </div>
        </AppShell.Main>
        <AppShell.Footer hiddenFrom="sm" className={classes.footer}>
          {phone && <BottomNav items={items} />}
        </AppShell.Footer>
      </AppShell>
      <PaletteHost />
    </>
  );
}

/** A new page starts at its top, and the keyboard starts in it. */
function useFreshPage() {
  const { pathname } = useLocation();
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    window.scrollTo(0, 0);
    document.getElementById('main')?.focus({ preventScroll: true });
  }, [pathname]);
}
