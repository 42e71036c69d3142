import { describe, expect, it } from 'vitest';
import type { Setting } from '@/api/operation';
import { groupSettings, isAtStart, lockReason, parseDuration, searchSettings, settingLabel, settingProblem, settingValue } from './settings';

const setting = (change: Partial<Setting>): Setting => ({ name: 'history-days', value: 30, default: 30, source: 'default', type: 'integer', group: 'Retention', editable: true, ...change });

describe('settings', () => {
  it('are locked with the reason where something has precedence', () => {
    expect(lockReason(setting({}))).toBeUndefined();
    expect(lockReason(setting({ source: 'database' }))).toBeUndefined();
    expect(lockReason(setting({ source: 'flag', editable: false }))).toContain('command line');
    expect(lockReason(setting({ source: 'variable', editable: false }))).toContain('environment variable');
    expect(lockReason(setting({ source: 'file', editable: false }))).toContain('configuration file');
    expect(lockReason(setting({ editable: false }))).toContain('when the server starts');
  });

  it('that only a start takes are apart from those that are pinned just now', () => {
    expect(isAtStart(setting({ editable: false, restart: true }))).toBe(true);
    expect(isAtStart(setting({ editable: false, source: 'flag', restart: false }))).toBe(false);
    expect(isAtStart(setting({ restart: true }))).toBe(false);
  });

  it('keep to their bounds', () => {
    const days = setting({ min: 1, max: 3650 });
    expect(settingProblem(days, '0')).toBe('At least 1');
    expect(settingProblem(days, '9999')).toBe('At most 3650');
    expect(settingProblem(days, 'many')).toContain('whole number');
    expect(settingProblem(days, '12')).toBeUndefined();
    const time = setting({ type: 'duration', min: '1s', max: '1h' });
    expect(settingProblem(time, '2h')).toBe('At most 1h');
    expect(settingProblem(time, '30m')).toBeUndefined();
    expect(settingProblem(time, 'soon')).toContain('duration');
    expect(settingProblem(setting({ type: 'quantity', min: '64Mi', max: null }), '1Ki')).toBe('At least 64Mi');
    expect(settingProblem(setting({ type: 'choice', choices: ['a', 'b'] }), 'c')).toContain('list');
    expect(settingProblem(setting({ type: 'text' }), '')).toBeUndefined();
    expect(settingProblem(setting({}), ' ')).toBeTruthy();
  });

  it('read durations as the server writes them', () => {
    expect([parseDuration('0'), parseDuration('90s'), parseDuration('1h30m'), parseDuration('7d'), parseDuration('250ms')]).toEqual([0, 90_000, 5_400_000, 604_800_000, 250]);
    expect([parseDuration('1.5h'), parseDuration('h'), parseDuration('')]).toEqual([undefined, undefined, undefined]);
  });

  it('go to the server in their own type', () => {
    expect(settingValue(setting({}), ' 12 ')).toBe(12);
    expect(settingValue(setting({ type: 'boolean' }), 'false')).toBe(false);
    expect(settingValue(setting({ type: 'duration' }), '30m')).toBe('30m');
  });

  it('have names for people, are found and grouped', () => {
    expect(settingLabel('public-url')).toBe('Public URL');
    expect(settingLabel('share-links')).toBe('Share links');
    const list = [setting({}), setting({ name: 'share-links', group: 'Sessions', description: 'who may use links' }), setting({ name: 'audit-days' })];
    expect(searchSettings(list, 'LINKS who').map(({ name }) => name)).toEqual(['share-links']);
    expect(groupSettings(list).map(([group, items]) => [group, items.length])).toEqual([['Retention', 2], ['Sessions', 1]]);
  });
});
