import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { MemoryRouter, Route, Routes } from 'react-router-dom';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '@/api/http';
import { LoginPage } from './LoginPage';
import { loginErrorText, otpErrorText, returnErrorText } from './loginError';

const fetchMock = vi.fn<typeof fetch>();
/** What the server answers, by path; nobody is signed in. */
let answers: Record<string, () => Response>;

function json(status: number, body: unknown) {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json' },
  });
}

beforeEach(() => {
  answers = {
    '/api/v1/auth/me': () => json(401, { code: 'unauthorized', detail: '' }),
    '/api/v1/auth/methods': () => json(200, { password: true, oidc: null, setup: false }),
  };
  fetchMock.mockImplementation(async (url) => answers[String(url).split('?')[0] ?? '']?.() ?? json(404, { code: 'not_found', detail: '' }));
  vi.stubGlobal('fetch', fetchMock);
  vi.stubGlobal('matchMedia', (query: string) => ({ matches: false, media: query, addEventListener() {}, removeEventListener() {}, addListener() {}, removeListener() {} }));
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  fetchMock.mockReset();
});

async function show(path: string) {
  await act(async () => {
    render(
      <MantineProvider env="test">
        <QueryClientProvider client={new QueryClient()}>
          <MemoryRouter initialEntries={[path]} future={{ v7_startTransition: true, v7_relativeSplatPath: true }}>
            <Routes>
              <Route path="/login" element={<LoginPage />} />
              <Route path="/setup" element={<p>set up first</p>} />
              <Route path="*" element={<p>inside</p>} />
            </Routes>
          </MemoryRouter>
        </QueryClientProvider>
      </MantineProvider>,
    );
  });
  await waitFor(() => expect(screen.queryByTestId('login-username') ?? screen.queryByText('set up first')).toBeTruthy());
}

const whenLogin = (status: number, body: unknown) => {
  answers['/api/v1/auth/login'] = () => json(status, body);
};

/** The bodies of all attempts to sign in. */
const attempts = () => fetchMock.mock.calls.filter(([url]) => String(url).endsWith('/auth/login')).map(([, init]) => init?.body);

function signIn(username: string, password: string) {
  fireEvent.change(screen.getByTestId('login-username'), { target: { value: username } });
  fireEvent.change(screen.getByTestId('login-password'), { target: { value: password } });
  fireEvent.click(screen.getByTestId('login-submit'));
}

describe('LoginPage', () => {
  it('signs in and goes where one wanted to go', async () => {
    await show('/login?next=/sessions/a');
    whenLogin(200, { token: 'secret', refreshToken: 'r', user: { username: 'ada', role: 'user' } });
    signIn(' ada ', 'correct horse');
    await waitFor(() => expect(screen.getByText('inside')).toBeTruthy());
    expect(attempts()).toEqual(['{"username":"ada","password":"correct horse"}']);
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain('secret');
  });

  it('says clearly that the password is wrong', async () => {
    await show('/login');
    whenLogin(401, { code: 'invalid_credentials', detail: 'x' });
    signIn('ada', 'wrong');
    await waitFor(() => expect(screen.getByTestId('login-error').textContent).toContain('password is wrong'));
  });

  it('asks for what is missing without asking the server', async () => {
    await show('/login');
    signIn('', '');
    expect(screen.getByText('Enter your user name')).toBeTruthy();
    expect(attempts()).toEqual([]);
  });

  it('tells that Caps Lock is on', async () => {
    await show('/login');
    fireEvent.keyDown(screen.getByTestId('login-password'), { key: 'A', modifierCapsLock: true });
    expect(screen.getByText(/Caps Lock is on/)).toBeTruthy();
  });

  it('asks for the code where there is a second step, and sends it once it is whole', async () => {
    await show('/login');
    whenLogin(401, { code: 'mfa_required', detail: 'x' });
    signIn('ada', 'correct horse');
    const code = await screen.findByTestId('login-otp');
    whenLogin(401, { code: 'mfa_invalid', detail: 'x' });
    fireEvent.change(code, { target: { value: '12345' } });
    expect(attempts()).toHaveLength(1);
    fireEvent.change(code, { target: { value: '123 456' } });
    await waitFor(() => expect(screen.getByTestId('login-error').textContent).toContain('not valid'));
    expect(attempts()[1]).toBe('{"username":"ada","password":"correct horse","otp":"123456"}');

    whenLogin(200, { user: { username: 'ada', role: 'user' } });
    fireEvent.click(screen.getByTestId('login-backup'));
    fireEvent.change(screen.getByTestId('login-otp'), { target: { value: 'abcd-efgh' } });
    fireEvent.click(screen.getByTestId('login-otp-submit'));
    await waitFor(() => expect(screen.getByText('inside')).toBeTruthy());
    expect(attempts()[2]).toContain('"otp":"abcd-efgh"');
  });

  it('offers the identity provider, and comes back to where one wanted to go', async () => {
    answers['/api/v1/auth/methods'] = () => json(200, { password: true, oidc: { name: 'Campus', url: '/api/v1/auth/oidc/login' }, setup: false });
    await show('/login?next=/sessions/a&error=oidc_refused');
    const link = screen.getByTestId('login-oidc');
    expect(link.textContent).toBe('Sign in with Campus');
    expect(link.getAttribute('href')).toBe('/api/v1/auth/oidc/login?next=%2Fsessions%2Fa');
    expect(screen.getByTestId('return-error').textContent).toContain('identity provider');
  });

  it('leads to the set-up of a server without administrators', async () => {
    answers['/api/v1/auth/methods'] = () => json(200, { password: true, oidc: null, setup: true });
    await show('/login');
    expect(screen.getByText('set up first')).toBeTruthy();
  });

  it('has passwords also where the server does not tell its methods', async () => {
    answers['/api/v1/auth/methods'] = () => json(404, { code: 'not_found', detail: '' });
    await show('/login');
    expect(screen.getByTestId('login-password')).toBeTruthy();
  });
});

describe('what went wrong', () => {
  it('is no wrong password when it is the code', () => {
    expect(otpErrorText(new ApiError(401, 'mfa_invalid', 'x'))).toContain('code');
    expect(otpErrorText(new ApiError(429, 'rate_limited', 'x', {}, 12))).toContain('12 seconds');
  });

  it('never shows what somebody else put into the address', () => {
    expect(returnErrorText('<b>call 0123</b>')).not.toContain('0123');
    expect(returnErrorText('oidc_new_thing')).toContain('oidc_new_thing');
  });
});

describe('loginErrorText', () => {
  it('has the wait, and the server’s own words where they are better', () => {
    expect(loginErrorText(new ApiError(429, 'rate_limited', 'x', {}, 30))).toContain('30 seconds');
    expect(loginErrorText(new ApiError(403, 'disabled', 'This account is disabled.'))).toBe('This account is disabled.');
    expect(loginErrorText(new ApiError(0, 'network', 'The server cannot be reached.'))).toContain('reached');
  });
});
