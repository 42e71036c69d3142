import { afterEach, describe, expect, it, vi } from 'vitest';
import { observeServerDate, serverNow } from './clock';
import { formatAgo, formatDuration, formatSpan, formatTime, parseTime } from './duration';
import { cpuQuantity, formatBitrate, formatCpu, formatMemory, memoryQuantity, parseQuantity } from './quantity';

describe('durations', () => {
  it.each([
    [-5, '0 s'],
    [999, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [200_000, '3 min 20 s'],
    [7_500_000, '2 h 5 min'],
    [277_200_000, '3 d 5 h'],
  ])('%i ms is %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

  it.each([
    [12.4, '12 ms'],
    [840, '840 ms'],
    [1_234, '1.23 s'],
    [14_210, '14.2 s'],
    [61_000, '1 min 1 s'],
  ])('span of %d ms is %s', (ms, text) => expect(formatSpan(ms)).toBe(text));

  it.each([
    [-100, 'just now'],
    [12_000, '12 s ago'],
    [90_000, '1 min ago'],
    [7_200_000, '2 h ago'],
    [200_000_000, '2 d ago'],
  ])('%d ms ago is %s', (ms, text) => expect(formatAgo(ms)).toBe(text));

  it('knows what is no time', () => {
    expect(parseTime('yesterday')).toBeUndefined();
    expect(parseTime(null)).toBeUndefined();
    expect(formatTime(null)).toBe('–');
    expect(parseTime('1970-01-01T00:00:01Z')).toBe(1000);
  });
});

describe('quantities', () => {
  it.each([
    ['500m', 0.5],
    ['2', 2],
    ['1.5', 1.5],
    ['256Mi', 256 * 2 ** 20],
    ['1Gi', 2 ** 30],
    ['1G', 1e9],
    [4, 4],
  ])('%s', (text, value) => expect(parseQuantity(text)).toBe(value));

  it.each(['', 'm', '-1', '1gi', '1 Gi', 'NaN', null, undefined])('%s is none', (text) => {
    expect(parseQuantity(text)).toBeUndefined();
    expect(formatCpu(text)).toBe('–');
    expect(formatMemory(text)).toBe('–');
  });

  it('reads well', () => {
    expect(formatCpu('500m')).toBe('0.5 CPU');
    expect(formatCpu('1')).toBe('1 CPU');
    expect(formatCpu(20)).toBe('20 CPUs');
    expect(formatMemory('1536Mi')).toBe('1.5 GiB');
    expect(formatMemory('256Mi')).toBe('256 MiB');
    expect(formatMemory(512)).toBe('512 B');
    expect(formatBitrate(842_400)).toBe('842 kbit/s');
    expect(formatBitrate(3_440_000)).toBe('3.4 Mbit/s');
  });

  it('is written as Kubernetes wants it, and reads back the same', () => {
    expect(cpuQuantity(0.25)).toBe('250m');
    expect(cpuQuantity(2)).toBe('2');
    expect(memoryQuantity(512 * 2 ** 20)).toBe('512Mi');
    expect(memoryQuantity(2 * 2 ** 30)).toBe('2Gi');
    for (const cores of [0.1, 0.5, 1, 1.5, 8]) expect(parseQuantity(cpuQuantity(cores))).toBeCloseTo(cores);
  });
});

describe('the server’s clock', () => {
  afterEach(() => vi.useRealTimers());

  it('corrects a browser that is an hour off, and leaves small differences', () => {
    vi.useFakeTimers({ now: Date.parse('2026-01-01T12:00:00Z') });
    observeServerDate('Thu, 01 Jan 2026 13:00:00 GMT');
    expect(new Date(serverNow()).toISOString()).toBe('2026-01-01T13:00:00.000Z');
    observeServerDate('nonsense');
    expect(serverNow() - Date.now()).toBe(3_600_000);
    observeServerDate('Thu, 01 Jan 2026 12:00:01 GMT');
    expect(serverNow()).toBe(Date.now());
  });
});
