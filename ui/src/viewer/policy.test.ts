import { describe, expect, it } from 'vitest';
import { finalEnd, lossText, retryDelay } from './policy';

describe('retryDelay', () => {
  it('tries at once after a loss', () => expect(retryDelay(0)).toBe(0));

  it('doubles up to its limit', () => {
    const longest = (attempt: number) => retryDelay(attempt, () => 1);
    expect([1, 2, 3, 4, 5].map(longest)).toEqual([500, 1000, 2000, 4000, 8000]);
    expect(longest(6)).toBe(15_000);
    expect(longest(500)).toBe(15_000);
  });

  it('spreads between half and the whole', () => {
    expect(retryDelay(3, () => 0)).toBe(1000);
    expect(retryDelay(3, () => 0.5)).toBe(1500);
  });
});

describe('finalEnd', () => {
  it.each([
    [4100, 'terminated'],
    [4101, 'hibernated'],
    [4102, 'revoked'],
  ] as const)('%i is final', (code, kind) => expect(finalEnd(code)).toBe(kind));

  it.each([1000, 1001, 1006, 1011, 4103, 4104, 4999])('%i is worth another try', (code) => {
    expect(finalEnd(code)).toBeUndefined();
    expect(lossText(code)).toMatch(/\.$/);
  });
});
