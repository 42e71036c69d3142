import { describe, expect, it } from 'vitest';
import { templateLook } from '@/components/icons/templateIcons';
import { navFor } from '@/components/shell/nav';
import { safeNext } from '@/pages/login/next';
import type { Command, Template } from '@/api/types';
import { actionLabel, commandDuration, commandStages } from './commands';
import { canEnd, isCurrent, shortId } from './sessions';
import { ALL, categoriesOf, categoryLabel, filterTemplates } from './templates';

const template = (name: string, more: Partial<Template> = {}): Template => ({ name, displayName: name, protocol: 'vnc', ...more });

describe('the catalogue', () => {
  const all = [
    template('vlc', { displayName: 'VLC', category: 'media', available: false }),
    template('terminal', { displayName: 'Terminal', category: 'development', tags: ['shell'] }),
    template('firefox-browser', { displayName: 'Firefox', category: 'browsers', description: 'The web' }),
  ];
  const names = (search: string, category = ALL) => filterTemplates(all, search, category).map((t) => t.name);

  it('puts what can be launched first', () => expect(names('')).toEqual(['firefox-browser', 'terminal', 'vlc']));
  it('finds by every word, in names, texts and tags', () => {
    expect(names('WEB fire')).toEqual(['firefox-browser']);
    expect(names('shell')).toEqual(['terminal']);
    expect(names('shell web')).toEqual([]);
  });
  it('knows categories', () => {
    expect(names('', 'media')).toEqual(['vlc']);
    expect(categoriesOf(all)).toEqual(['browsers', 'development', 'media']);
    expect(categoryLabel('remote_desktops')).toBe('Remote desktops');
  });
});

describe('icons', () => {
  it('are found by icon, by name, by category, and always', () => {
    expect(templateLook('firefox')).toBe(templateLook(undefined, 'firefox-browser'));
    expect(templateLook('no-such', 'code-server')).toBe(templateLook('code'));
    expect(templateLook(null, 'zzz', 'graphics')).toBe(templateLook('graphics'));
    expect(templateLook('constructor', 'toString')).toBe(templateLook());
  });
});

describe('commands', () => {
  const command: Command = {
    commandId: 'cmd-1',
    action: 'start_session',
    status: 'completed',
    attempts: 1,
    createdAt: '2026-01-01T00:00:00.000Z',
    sentAt: '2026-01-01T00:00:00.004Z',
    acknowledgedAt: '2026-01-01T00:00:00.010Z',
    completedAt: '2026-01-01T00:00:00.810Z',
  };

  it('show how long each stage took', () => {
    expect(commandStages(command).map((stage) => stage.took)).toEqual([undefined, 4, 6, 800]);
    expect(commandDuration(command)).toBe(810);
    expect(actionLabel(command.action)).toBe('Start session');
  });

  it('show what has not happened yet', () => {
    const pending: Command = { ...command, status: 'pending', sentAt: null, acknowledgedAt: null, completedAt: null };
    expect(commandStages(pending).map((stage) => stage.at !== undefined)).toEqual([true, false, false, false]);
    expect(commandDuration(pending)).toBeUndefined();
  });

  it('show failures by their last change, over gaps', () => {
    const failed: Command = { ...command, status: 'failed', sentAt: null, acknowledgedAt: null, completedAt: null, updatedAt: '2026-01-01T00:05:00Z' };
    const last = commandStages(failed)[3];
    expect(last).toMatchObject({ label: 'Failed', failed: true, took: 300_000 });
  });
});

describe('small things', () => {
  it.each([
    [null, '/'],
    ['/sessions/a?x=1', '/sessions/a?x=1'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['https://evil.example', '/'],
    ['/login?next=/login', '/'],
  ])('after sign-in %s leads to %s', (next, path) => expect(safeNext(next)).toBe(path));

  it('shows administration to operators only', () => {
    const places = (role: 'user' | 'operator' | 'admin') => navFor(role).map((item) => item.to);
    expect(places('user')).toEqual(['/', '/sessions', '/account', '/account/api-keys']);
    expect(places('operator')).toContain('/admin/agents');
    for (const place of places('operator')) expect(places('admin')).toContain(place);
  });

  it('keeps a failure in sight for an hour, then in history', () => {
    const failed = { state: 'failed' as const, createdAt: '2026-01-01T00:00:00Z', stateSince: '2026-01-01T10:00:00Z' };
    expect(isCurrent(failed, Date.parse('2026-01-01T10:59:00Z'))).toBe(true);
    expect(isCurrent(failed, Date.parse('2026-01-01T11:01:00Z'))).toBe(false);
    expect(isCurrent({ ...failed, state: 'running' }, Date.now())).toBe(true);
    expect(isCurrent({ ...failed, state: 'terminated' }, 0)).toBe(false);
    expect(canEnd('failed')).toBe(false);
  });

  it('cuts a session’s name to what tells it apart', () => expect(shortId({ name: 'admin-firefox-browser-7e367bc3' })).toBe('7e367bc3'));
});
