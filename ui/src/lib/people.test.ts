import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '@/api/http';
import type { Quota } from '@/api/people';
import { parseLabel } from './agents';
import { actionWords, detailLines, fromLocal, toLocal } from './audit';
import { fieldError, formError } from './fieldErrors';
import { cleanCode, codeProblem, groupSecret } from './otp';
import { makePassword, passwordStrength } from './password';
import { hasLimits, quotaLimits, quotaLines, quotaProblems, quotaTexts } from './quota';
import { areasFor, describeScopes, toggleScope } from './scopes';
import { describeAgent } from './userAgent';

describe('refusals of the server', () => {
  const error = new ApiError(400, 'invalid_field', 'x', {
    fields: [
      { field: 'limits.maxCpu', message: 'is no quantity' },
      { field: 'role', message: 'must be one of user, operator, admin' },
    ],
  });

  it('stand beside their field, wherever in the body it is', () => {
    expect(fieldError(error, 'maxCpu')).toBe('Is no quantity');
    expect(fieldError(error, 'role')).toContain('one of');
    expect(fieldError(error, 'email')).toBeUndefined();
    expect(fieldError(new Error('x'), 'role')).toBeUndefined();
  });

  it('stand above the form where it has no such field', () => {
    expect(formError(error, ['maxCpu', 'role'])).toBeUndefined();
    expect(formError(error, ['maxCpu'])).toBe('role: must be one of user, operator, admin');
    expect(formError(new ApiError(409, 'last_admin', 'admin is the only one'), ['role'])).toBe('admin is the only one');
    expect(formError(undefined, [])).toBeUndefined();
  });
});

describe('quotas', () => {
  const quota: Quota = { maxSessions: 5, maxCpu: '4', maxMemory: null, maxStorage: '50Gi', used: { sessions: 2, cpu: '1500m', memory: '3Gi', storage: '0' } };

  it('compare what is used with the limit', () => {
    const [sessions, cpu, memory] = quotaLines(quota);
    expect(sessions).toMatchObject({ used: 2, limit: 5 });
    expect(cpu).toMatchObject({ used: 1.5, limit: 4 });
    expect(memory?.limit).toBeUndefined();
    expect(memory?.format(memory.used)).toBe('3 GiB');
  });

  it('come back from the form as they went in; empty is no limit', () => {
    const texts = quotaTexts(quota);
    expect(quotaLimits(texts)).toEqual({ maxSessions: 5, maxCpu: '4', maxMemory: null, maxStorage: '50Gi' });
    const empty = { maxSessions: ' ', maxCpu: '', maxMemory: '', maxStorage: '' };
    expect(hasLimits(quotaLimits(empty))).toBe(false);
    expect(hasLimits({ maxSessions: 0, maxCpu: null, maxMemory: null, maxStorage: null })).toBe(true);
  });

  it('have words for what is no limit', () => {
    expect(quotaProblems({ maxSessions: '-1', maxCpu: 'x', maxMemory: '8 elephants', maxStorage: '50Gi' })).toEqual({
      maxSessions: expect.stringContaining('whole number'),
      maxCpu: expect.stringContaining('quantity'),
      maxMemory: expect.stringContaining('quantity'),
    });
  });
});

describe('passwords', () => {
  it('count characters, not bytes, and look through repetition', () => {
    expect(passwordStrength('ääääääääääa').level).toBe(1);
    expect(passwordStrength('aaaaaaaaaaaaaaaa').level).toBe(2);
    expect(passwordStrength('correct horse battery staple').level).toBe(4);
    expect(passwordStrength('').text).toContain('12');
  });

  it('that are made up are long, and each is another', () => {
    const made = new Set(Array.from({ length: 50 }, makePassword));
    expect(made.size).toBe(50);
    for (const password of made) expect(password).toMatch(/^([a-km-np-zA-HJ-NP-Z2-9]{4}-){3}[a-km-np-zA-HJ-NP-Z2-9]{4}$/);
  });
});

describe('one-time codes', () => {
  it('may have gaps, and backup codes have letters', () => {
    expect(cleanCode(' 123 456 ')).toBe('123456');
    expect(codeProblem('123456')).toBeUndefined();
    expect(codeProblem('')).toBeTruthy();
    expect(codeProblem('abcd-efgh')).toBeTruthy();
    expect(codeProblem('abcd-efgh', true)).toBeUndefined();
    expect(groupSecret('JBSWY3DPEH')).toBe('JBSW Y3DP EH');
  });
});

describe('scopes', () => {
  it('offer what the role may do', () => {
    expect(areasFor('user').map(({ name }) => name)).not.toContain('agents');
    expect(areasFor('admin').map(({ name }) => name)).toContain('settings');
  });

  it('to change something includes to see it, and not to see it, not to change it', () => {
    expect(toggleScope([], 'sessions', 'write', true).sort()).toEqual(['sessions:read', 'sessions:write']);
    expect(toggleScope(['sessions:read', 'sessions:write'], 'sessions', 'write', false)).toEqual(['sessions:read']);
    expect(toggleScope(['sessions:read', 'sessions:write'], 'sessions', 'read', false)).toEqual([]);
  });

  it('have words', () => {
    expect(describeScopes([])).toBe('Everything its owner may');
    expect(describeScopes(['sessions:read', 'sessions:write', 'templates:read'])).toBe('Sessions, Templates (read)');
  });
});

describe('the audit log', () => {
  it.each([
    ['user.create', 'User: create'],
    ['api_key.create', 'API key: create'],
    ['group.set-quota', 'Group: set quota'],
    ['mfa.backup_code', 'MFA: backup code'],
    ['start', 'Start'],
  ])('says %s as %s', (action, words) => expect(actionWords(action)).toBe(words));

  it('shows a detail of whatever form', () => {
    expect(detailLines(null)).toEqual([]);
    expect(detailLines('from user to admin')).toEqual([['Detail', 'from user to admin']]);
    expect(detailLines('{"a":1,"b":"x"}')).toEqual([['a', '1'], ['b', 'x']]);
    expect(detailLines({ a: ['x'] })).toEqual([['a', '["x"]']]);
  });

  it('filters by times of the reader’s own clock', () => {
    expect(fromLocal(toLocal('2026-03-01T10:20:00Z'))).toBe('2026-03-01T10:20:00Z');
    expect(fromLocal('')).toBeUndefined();
    expect(toLocal('yesterday')).toBe('');
  });
});

describe('programs that are signed in', () => {
  it.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'Firefox on Linux', 'desktop'],
    ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0', 'Edge on Windows', 'desktop'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1', 'Safari on iPhone', 'mobile'],
    ['curl/7.88.1', 'curl 7.88.1', 'program'],
    [null, 'Unknown program', 'program'],
  ])('%s', (userAgent, label, kind) => expect(describeAgent(userAgent)).toEqual({ label, kind }));
});

describe('labels of agents', () => {
  it.each([
    ['disk=ssd', ['disk', 'ssd']],
    [' gpu= ', ['gpu', '']],
    ['no label', undefined],
    ['=x', undefined],
  ])('%s', (text, label) => expect(parseLabel(text)).toEqual(label));
});

describe('times', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());
  it('of filters survive summer time', () => {
    vi.setSystemTime(new Date('2026-07-01T00:00:00Z'));
    expect(fromLocal(toLocal('2026-01-15T08:00:00Z'))).toBe('2026-01-15T08:00:00Z');
  });
});
