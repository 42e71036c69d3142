// One function for every request to the server. Sends the session cookie and,
// on changing requests, the CSRF token; turns RFC 9457 answers into ApiError.
import { observeServerDate } from '@/lib/clock';
import type { FieldError, Problem } from './types';

const BASE = '/api/v1';
/** No request of the page waits longer than this. */
const TIMEOUT_MS = 20_000;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type Query = Record<string, string | number | undefined>;

export interface RequestOptions {
  query?: Query;
  body?: unknown;
  /** A body that is no JSON. */
  text?: { type: string; body: string };
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** How to read a successful answer; JSON unless told otherwise. */
  as?: 'json' | 'text';
}

export class ApiError extends Error {
  constructor(
    /** HTTP status, 0 when there was no answer at all. */
    readonly status: number,
    /** Stable snake_case word; `network` and `timeout` are ours. */
    readonly code: string,
    message: string,
    readonly problem: Problem = {},
    /** Seconds, from Retry-After. */
    readonly retryAfter?: number,
  ) {
    super(message);
    this.name = 'ApiError';
  }

  get fields(): FieldError[] {
    return this.problem.fields ?? [];
  }
}

/** 401 that is about the code or password of one request: the login itself is as good as before. */
const OF_THIS_REQUEST: ReadonlySet<string> = new Set(['mfa_required', 'mfa_invalid', 'invalid_credentials', 'wrong_password', 'bad_setup_token']);

type Listener = () => void;
const unauthorizedListeners = new Set<Listener>();

/** Calls `listener` whenever the server says that nobody is signed in any more. */
export function onUnauthorized(listener: Listener): () => void {
  unauthorizedListeners.add(listener);
  return () => unauthorizedListeners.delete(listener);
}

/** The readable half of the CSRF pair; under TLS it bears the __Host- prefix. */
export function csrfToken(cookies: string = document.cookie): string | undefined {
  for (const name of ['__Host-csrf_token', 'csrf_token']) {
    for (const part of cookies.split(';')) {
      const [key, ...value] = part.trim().split('=');
      if (key === name) return decodeURIComponent(value.join('='));
    }
  }
  return undefined;
}

export function buildUrl(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') params.set(key, String(value));
  }
  const text = params.toString();
  return BASE + path + (text ? `?${text}` : '');
}

export async function request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), TIMEOUT_MS);
  const giveUp = () => timeout.abort();
  options.signal?.addEventListener('abort', giveUp);
  try {
    const response = await fetch(buildUrl(path, options.query), {
      method,
      headers: requestHeaders(method, options),
      body: options.text?.body ?? (options.body === undefined ? undefined : JSON.stringify(options.body)),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: timeout.signal,
    });
    observeServerDate(response.headers.get('Date'));
    if (!response.ok) throw await problemFrom(response, path);
    if (options.as === 'text') return (await response.text()) as T;
    if (response.status === 204) return undefined as T;
    const text = await response.text();
    return (text ? JSON.parse(text) : undefined) as T;
  } catch (error) {
    throw asApiError(error, options.signal);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', giveUp);
  }
}

function requestHeaders(method: Method, options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {
    Accept: options.as === 'text' ? 'text/plain, application/problem+json' : 'application/json',
    ...options.headers,
  };
  if (options.text) headers['Content-Type'] = options.text.type;
  else if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET') {
    const token = csrfToken();
    if (token) headers['X-CSRF-Token'] = token;
  }
  return headers;
}

async function problemFrom(response: Response, path: string): Promise<ApiError> {
  let problem: Problem = {};
  // The HTTP library's own 400, 414 and 431 are HTML; those say their status only.
  if ((response.headers.get('Content-Type') ?? '').includes('json')) {
    problem = (await response.json().catch(() => ({}))) as Problem;
  }
  if (response.status === 401 && path !== '/auth/login' && !OF_THIS_REQUEST.has(problem.code ?? '')) {
    unauthorizedListeners.forEach((listener) => listener());
  }
  const after = Number(response.headers.get('Retry-After'));
  return new ApiError(
    response.status,
    problem.code ?? `http_${response.status}`,
    problem.detail ?? problem.title ?? describeStatus(response.status),
    problem,
    Number.isFinite(after) && after > 0 ? after : undefined,
  );
}

function asApiError(error: unknown, signal?: AbortSignal): unknown {
  if (error instanceof ApiError || signal?.aborted) return error;
  if (error instanceof DOMException && error.name === 'AbortError') {
    return new ApiError(0, 'timeout', 'The server took too long to answer.');
  }
  if (error instanceof SyntaxError) {
    return new ApiError(0, 'bad_answer', 'The server gave an answer that could not be read.');
  }
  return new ApiError(0, 'network', 'The server cannot be reached.');
}

function describeStatus(status: number): string {
  if (status >= 500) return 'The server could not do this just now.';
  if (status === 404) return 'This does not exist, or is not yours to see.';
  if (status === 403) return 'You are not allowed to do this.';
  if (status === 429) return 'Too many attempts. Wait a moment.';
  return `The server refused the request (${status}).`;
}

/** Text for people, from whatever was thrown. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  return error instanceof Error ? error.message : 'Something went wrong.';
}
