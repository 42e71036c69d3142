import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, buildUrl, csrfToken, errorText, onUnauthorized, request } from './http';

const fetchMock = vi.fn<typeof fetch>();

beforeEach(() => vi.stubGlobal('fetch', fetchMock));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
  fetchMock.mockReset();
  document.cookie = 'csrf_token=; expires=Thu, 01 Jan 1970 00:00:00 GMT';
});

function answers(status: number, body: unknown, headers: Record<string, string> = {}) {
  const type = status >= 400 ? 'application/problem+json' : 'application/json';
  fetchMock.mockResolvedValue(new Response(JSON.stringify(body), { status, headers: { 'Content-Type': type, ...headers } }));
}

const sentHeaders = () => fetchMock.mock.calls[0]?.[1]?.headers as Record<string, string>;

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

describe('request', () => {
  it('sends the CSRF cookie back as a header on changing requests', async () => {
    document.cookie = 'csrf_token=abc%3D123';
    answers(200, {});
    await request('POST', '/sessions', { body: { template: 'terminal' } });
    expect(sentHeaders()).toMatchObject({ 'X-CSRF-Token': 'abc=123', 'Content-Type': 'application/json' });
    expect(fetchMock.mock.calls[0]?.[1]).toMatchObject({ method: 'POST', credentials: 'same-origin', body: '{"template":"terminal"}' });
  });

  it('sends no CSRF header with a GET', async () => {
    document.cookie = 'csrf_token=abc';
    answers(200, { ok: true });
    await expect(request('GET', '/auth/me')).resolves.toEqual({ ok: true });
    expect(sentHeaders()).not.toHaveProperty('X-CSRF-Token');
  });

  it('reads problem+json with its code and fields', async () => {
    answers(400, { title: 'Bad request', detail: 'cpu is too large', code: 'invalid', fields: [{ field: 'resources.cpu', message: 'at most 8' }] });
    const error = await failure(request('POST', '/sessions', { body: {} }));
    expect(error).toMatchObject({ status: 400, code: 'invalid', message: 'cpu is too large' });
    expect(error.fields).toEqual([{ field: 'resources.cpu', message: 'at most 8' }]);
  });

  it('says something useful where the answer is HTML', async () => {
    fetchMock.mockResolvedValue(new Response('<html>', { status: 502, headers: { 'Content-Type': 'text/html' } }));
    const error = await failure(request('GET', '/sessions'));
    expect(error).toMatchObject({ status: 502, code: 'http_502' });
    expect(error.message).not.toContain('<');
  });

  it('has the seconds of Retry-After', async () => {
    answers(429, { code: 'rate_limited', detail: 'slow down' }, { 'Retry-After': '30' });
    expect((await failure(request('POST', '/auth/login', { body: {} }))).retryAfter).toBe(30);
  });

  it('tells apart no network and no time', async () => {
    fetchMock.mockRejectedValue(new TypeError('Failed to fetch'));
    expect(await failure(request('GET', '/sessions'))).toMatchObject({ status: 0, code: 'network' });

    vi.useFakeTimers();
    fetchMock.mockImplementation(
      (_url, init) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
        }),
    );
    const slow = failure(request('GET', '/sessions'));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await slow).toMatchObject({ status: 0, code: 'timeout' });
  });

  it('reads text, and nothing from 204', async () => {
    fetchMock.mockResolvedValueOnce(new Response('line 1\nline 2'));
    await expect(request('GET', '/sessions/a/logs', { as: 'text' })).resolves.toBe('line 1\nline 2');
    fetchMock.mockResolvedValueOnce(new Response(null, { status: 204 }));
    await expect(request('POST', '/auth/logout')).resolves.toBeUndefined();
  });

  it('announces a login that is gone, but not a failed sign-in', async () => {
    const gone = vi.fn();
    const stop = onUnauthorized(gone);
    answers(401, { code: 'invalid_credentials', detail: 'no' });
    await failure(request('POST', '/auth/login', { body: {} }));
    expect(gone).not.toHaveBeenCalled();
    answers(401, { code: 'unauthorized', detail: 'no' });
    await failure(request('GET', '/sessions'));
    expect(gone).toHaveBeenCalledTimes(1);
    stop();
  });
});

describe('helpers', () => {
  it('prefers the cookie with the __Host- prefix', () => {
    expect(csrfToken('a=1; csrf_token=plain; __Host-csrf_token=secure')).toBe('secure');
    expect(csrfToken('a=1')).toBeUndefined();
    expect(csrfToken('xcsrf_token=no')).toBeUndefined();
  });

  it('leaves empty query values out', () => {
    expect(buildUrl('/commands', { agent: 'a b', status: '', session: undefined, limit: 50 })).toBe('/api/v1/commands?agent=a+b&limit=50');
    expect(buildUrl('/sessions')).toBe('/api/v1/sessions');
  });

  it('has words for whatever was thrown', () => {
    expect(errorText(new Error('boom'))).toBe('boom');
    expect(errorText('?')).toBe('Something went wrong.');
  });
});
