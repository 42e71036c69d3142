import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, configure, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { linkUrl, type Share } from '@/api/shares';
import type { Session } from '@/api/types';
import { ShareModal } from './ShareModal';

const session: Session = { name: 'ada-terminal-0badcafe', user: 'ada', template: 'terminal', state: 'running', access: 'owner', createdAt: '2026-01-01T00:00:00Z' };
const path = `/api/v1/sessions/${session.name}/shares`;

configure({ asyncUtilTimeout: 10_000 });

let shares: Share[];
let refuse: string | undefined;
const bodies: unknown[] = [];

function answer(status: number, body?: unknown) {
  return new Response(body === undefined ? null : JSON.stringify(body), {
    status,
    headers: { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json' },
  });
}

function serve(url: string, init?: RequestInit): Response {
  if (init?.method === 'GET' && url === path) return answer(200, { shares, total: shares.length, nextCursor: null });
  if (init?.method === 'POST' && url === path) {
    if (refuse) return answer(400, { code: 'invalid_field', detail: refuse });
    const body = JSON.parse(String(init.body)) as { username?: string; link?: boolean; mode: Share['mode'] };
    bodies.push(body);
    const made: Share = { id: shares.length + 1, mode: body.mode, username: body.username ?? null, link: body.link === true, createdBy: 'ada', createdAt: '', expiresAt: null };
    shares = [...shares, made];
    return answer(201, body.link ? { ...made, token: 'f00', url: '/share/f00' } : made);
  }
  if (init?.method === 'DELETE') {
    shares = shares.filter((share) => !url.endsWith(`/${share.id}`));
    return answer(204);
  }
  return answer(404, { code: 'not_found' });
}

beforeEach(() => {
  shares = [];
  refuse = undefined;
  bodies.length = 0;
  vi.stubGlobal('fetch', vi.fn(async (url: RequestInfo | URL, init?: RequestInit) => serve(String(url), init)));
  vi.stubGlobal('matchMedia', (query: string) => ({ matches: false, media: query, addEventListener() {}, removeEventListener() {}, addListener() {}, removeListener() {} }));
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} });
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

async function show() {
  await act(async () => {
    render(
      <MantineProvider env="test">
        <QueryClientProvider client={new QueryClient()}>
          <ShareModal session={session} label="Terminal" opened onClose={() => undefined} />
        </QueryClientProvider>
      </MantineProvider>,
    );
  });
  await waitFor(() => expect(screen.getByText(/Nobody else can see/)).toBeTruthy());
}

describe('sharing a session', () => {
  it('with a person, for looking unless told otherwise, and withdrawing it', async () => {
    await show();
    fireEvent.change(screen.getByTestId('share-user'), { target: { value: ' bob ' } });
    fireEvent.click(screen.getByTestId('share-create'));
    await waitFor(() => expect(screen.getByTestId('share-1').textContent).toContain('bob'));
    expect(bodies).toEqual([{ username: 'bob', mode: 'view' }]);
    expect(screen.queryByTestId('share-made')).toBeNull();
    fireEvent.click(screen.getByTestId('share-remove-1'));
    await waitFor(() => expect(screen.queryByTestId('share-1')).toBeNull());
  });

  it('by a link, which is shown whole', async () => {
    await show();
    fireEvent.click(screen.getByText('A link'));
    fireEvent.click(screen.getByTestId('share-create'));
    await waitFor(() => expect(screen.getByTestId('share-link').textContent).toBe(`${window.location.origin}/share/f00`));
    expect(bodies).toEqual([{ link: true, mode: 'view' }]);
  });

  it('says what the server says when it refuses', async () => {
    refuse = 'there is no such user';
    await show();
    fireEvent.change(screen.getByTestId('share-user'), { target: { value: 'nobody' } });
    fireEvent.click(screen.getByTestId('share-create'));
    await waitFor(() => expect(screen.getByTestId('share-error').textContent).toBe('there is no such user'));
  });
});

describe('a link', () => {
  it('is a whole address, also where the server says its path only', () => {
    expect(linkUrl({ url: '/share/x' }, 'https://desk.example.org')).toBe('https://desk.example.org/share/x');
    expect(linkUrl({ url: 'https://public.example.org/share/x' }, 'http://127.0.0.1:8000')).toBe('https://public.example.org/share/x');
  });
});
