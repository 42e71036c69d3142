import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { MemoryRouter, Route, Routes } from 'react-router-dom';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '@/api/http';
import { LoginPage } from './LoginPage';
import { loginErrorText } from './loginError';

const fetchMock = vi.fn<typeof fetch>();

function json(status: number, body: unknown) {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json' },
  });
}

beforeEach(() => {
  vi.stubGlobal('fetch', fetchMock);
  vi.stubGlobal('matchMedia', (query: string) => ({ matches: false, media: query, addEventListener() {}, removeEventListener() {}, addListener() {}, removeListener() {} }));
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  fetchMock.mockReset();
});

async function show(path: string) {
  fetchMock.mockResolvedValueOnce(json(401, { code: 'unauthorized', detail: '' }));
  await act(async () => {
    render(
      <MantineProvider env="test">
        <QueryClientProvider client={new QueryClient()}>
          <MemoryRouter initialEntries={[path]} future={{ v7_startTransition: true, v7_relativeSplatPath: true }}>
            <Routes>
              <Route path="/login" element={<LoginPage />} />
              <Route path="*" element={<p>inside</p>} />
            </Routes>
          </MemoryRouter>
        </QueryClientProvider>
      </MantineProvider>,
    );
  });
}

function signIn(username: string, password: string) {
  fireEvent.change(screen.getByTestId('login-username'), { target: { value: username } });
  fireEvent.change(screen.getByTestId('login-password'), { target: { value: password } });
  fireEvent.click(screen.getByTestId('login-submit'));
}

describe('LoginPage', () => {
  it('signs in and goes where one wanted to go', async () => {
    await show('/login?next=/sessions/a');
    fetchMock.mockResolvedValueOnce(json(200, { token: 'secret', refreshToken: 'r', user: { username: 'ada', role: 'user' } }));
    signIn(' ada ', 'correct horse');
    await waitFor(() => expect(screen.getByText('inside')).toBeTruthy());
    expect(fetchMock.mock.calls[1]?.[1]?.body).toBe('{"username":"ada","password":"correct horse"}');
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain('secret');
  });

  it('says clearly that the password is wrong', async () => {
    await show('/login');
    fetchMock.mockResolvedValueOnce(json(401, { code: 'invalid_credentials', detail: 'x' }));
    signIn('ada', 'wrong');
    await waitFor(() => expect(screen.getByTestId('login-error').textContent).toContain('password is wrong'));
  });

  it('asks for what is missing without asking the server', async () => {
    await show('/login');
    signIn('', '');
    expect(screen.getByText('Enter your user name')).toBeTruthy();
    expect(fetchMock).toHaveBeenCalledTimes(1);
  });

  it('tells that Caps Lock is on', async () => {
    await show('/login');
    fireEvent.keyDown(screen.getByTestId('login-password'), { key: 'A', modifierCapsLock: true });
    expect(screen.getByText(/Caps Lock is on/)).toBeTruthy();
  });
});

describe('loginErrorText', () => {
  it('has the wait, and the server’s own words where they are better', () => {
    expect(loginErrorText(new ApiError(429, 'rate_limited', 'x', {}, 30))).toContain('30 seconds');
    expect(loginErrorText(new ApiError(403, 'disabled', 'This account is disabled.'))).toBe('This account is disabled.');
    expect(loginErrorText(new ApiError(0, 'network', 'The server cannot be reached.'))).toContain('reached');
  });
});
