import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, configure, render, screen, waitFor } from '@testing-library/react';
import { MemoryRouter, Route, Routes, useLocation } from 'react-router-dom';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SharePage } from './SharePage';

// The toolbar asks when it is loaded.
vi.hoisted(() => {
  window.matchMedia = (query: string) =>
    ({ matches: false, media: query, addEventListener() {}, removeEventListener() {}, addListener() {}, removeListener() {} }) as unknown as MediaQueryList;
});

configure({ asyncUtilTimeout: 10_000 });

let status: number;
let body: unknown;

const shared = { name: 'ada-terminal-0badcafe', displayName: 'Terminal', template: 'terminal', icon: 'terminal', state: 'terminated', mode: 'view', expiresAt: null, owner: 'ada' };

beforeEach(() => {
  vi.stubGlobal('fetch', vi.fn(async () => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json' } })));
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function Elsewhere() {
  const { pathname, search } = useLocation();
  return <p>{`at ${pathname}${search}`}</p>;
}

async function show() {
  await act(async () => {
    render(
      <MantineProvider env="test">
        <QueryClientProvider client={new QueryClient()}>
          <MemoryRouter initialEntries={['/share/f00']} future={{ v7_startTransition: true, v7_relativeSplatPath: true }}>
            <Routes>
              <Route path="/share/:token" element={<SharePage />} />
              <Route path="*" element={<Elsewhere />} />
            </Routes>
          </MemoryRouter>
        </QueryClientProvider>
      </MantineProvider>,
    );
  });
}

describe('a link', () => {
  it('that is none says so, and asks nobody to sign in', async () => {
    [status, body] = [404, { code: 'share_not_found', detail: 'there is no such share' }];
    await show();
    await waitFor(() => expect(screen.getByText('This link leads nowhere')).toBeTruthy());
  });

  it('for users goes to sign-in and comes back', async () => {
    [status, body] = [401, { code: 'sign_in_first', detail: '' }];
    await show();
    await waitFor(() => expect(screen.getByText('at /login?next=%2Fshare%2Ff00')).toBeTruthy());
  });

  it('to a session that is over says whose it was', async () => {
    [status, body] = [200, shared];
    await show();
    await waitFor(() => expect(screen.getByText('Terminal has ended')).toBeTruthy());
    expect(screen.getByText(/ada’s session is over/)).toBeTruthy();
  });

  it('to a paused session does not open a stream', async () => {
    [status, body] = [200, { ...shared, state: 'hibernated' }];
    await show();
    await waitFor(() => expect(screen.getByText('Terminal is paused')).toBeTruthy());
  });
});
