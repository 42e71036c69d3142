import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { MemoryRouter } from 'react-router-dom';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Setting } from '@/api/operation';
import { SettingsPage } from './SettingsPage';

const fetchMock = vi.fn<typeof fetch>();
let stored: Setting[];
let refusal: unknown;

const json = (status: number, body: unknown) =>
  new Response(JSON.stringify(body), { status, headers: { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json' } });

const make = (name: string, change: Partial<Setting>): Setting => ({ name, value: null, default: null, source: 'default', type: 'text', group: 'Things', editable: true, restart: false, ...change });

beforeEach(() => {
  refusal = undefined;
  stored = [
    make('history-days', { type: 'integer', value: 30, default: 30, min: 1, max: 3650 }),
    make('idle', { type: 'duration', value: '10m', default: '30m', source: 'database' }),
    make('share-links', { type: 'choice', value: 'off', choices: ['anyone', 'off'], source: 'variable', editable: false }),
    make('listen', { value: '127.0.0.1:8000', source: 'flag', editable: false, restart: true }),
  ];
  fetchMock.mockImplementation(async (_url, init) => (init?.method === 'PATCH' && refusal ? json(400, refusal) : json(200, { settings: stored })));
  vi.stubGlobal('fetch', fetchMock);
  vi.stubGlobal('matchMedia', (query: string) => ({ matches: false, media: query, addEventListener() {}, removeEventListener() {}, addListener() {}, removeListener() {} }));
  vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} });
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  fetchMock.mockReset();
});

async function show() {
  await act(async () => {
    render(
      <MantineProvider env="test">
        <QueryClientProvider client={new QueryClient()}>
          <MemoryRouter future={{ v7_startTransition: true, v7_relativeSplatPath: true }}>
            <SettingsPage />
          </MemoryRouter>
        </QueryClientProvider>
      </MantineProvider>,
    );
  });
  await screen.findByTestId('value-history-days');
}

const type = (name: string, value: string) => fireEvent.change(screen.getByTestId(`value-${name}`), { target: { value } });
const sent = () => fetchMock.mock.calls.filter(([, init]) => init?.method === 'PATCH').map(([, init]) => JSON.parse(String(init?.body)) as unknown);

describe('SettingsPage', () => {
  it('sends what was changed and nothing else; null goes back to the default', async () => {
    await show();
    type('history-days', '12');
    fireEvent.click(screen.getByTestId('reset-idle'));
    expect(screen.getByText('2 changes')).toBeTruthy();
    fireEvent.click(screen.getByTestId('settings-save'));
    await waitFor(() => expect(sent()).toEqual([{ 'history-days': 12, idle: null }]));
    await waitFor(() => expect(screen.getByText('0 changes')).toBeTruthy());
  });

  it('takes a change that is no change for none', async () => {
    await show();
    type('history-days', '12');
    type('history-days', '30');
    expect(screen.getByText('0 changes')).toBeTruthy();
  });

  it('asks for what is right before it asks the server', async () => {
    await show();
    type('history-days', '0');
    expect(screen.getByText('At least 1')).toBeTruthy();
    expect((screen.getByTestId('settings-save') as HTMLButtonElement).disabled).toBe(true);
  });

  it('locks what the environment gives, and says why', async () => {
    await show();
    expect((screen.getByTestId('value-share-links') as HTMLInputElement).disabled).toBe(true);
    expect(screen.getByTestId('setting-share-links').textContent).toContain('environment variable');
    expect(screen.queryByTestId('setting-listen')).toBeNull();
  });

  it('shows the server’s refusal beside its setting and keeps what was typed', async () => {
    await show();
    refusal = { code: 'invalid_field', detail: 'x', fields: [{ field: 'history-days', message: 'is an unlucky number' }] };
    type('history-days', '13');
    fireEvent.click(screen.getByTestId('settings-save'));
    await screen.findByText('Is an unlucky number');
    expect((screen.getByTestId('value-history-days') as HTMLInputElement).value).toBe('13');
  });
});
