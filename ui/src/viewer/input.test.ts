import RFB from '@novnc/novnc';
import { describe, expect, it } from 'vitest';
import { difference } from '@/pages/viewer/typed';
import { keysymOf, KEYSYM, sendCombination, typeText } from './keys';
import { RemoteRfb } from './remoteRfb';
import { socketUrl } from './screen';
import { remoteFactor } from './sizing';
import { Median, RateMeter } from './stats';

function recorder() {
  const sent: string[] = [];
  return { sent, sendKey: (keysym: number, code: string | null, down?: boolean) => void sent.push(`${down ? '+' : '-'}${code ?? keysym.toString(16)}`) };
}

describe('keys', () => {
  it('are let go of in reverse', () => {
    const to = recorder();
    sendCombination(to, ['Control', 'Alt', 'Delete']);
    expect(to.sent).toEqual(['+ControlLeft', '+AltLeft', '+Delete', '-Delete', '-AltLeft', '-ControlLeft']);
  });

  it('stand for characters of every script', () => {
    expect(keysymOf('a')).toBe(0x61);
    expect(keysymOf('ü')).toBe(0xfc);
    expect(keysymOf('€')).toBe(0x010020ac);
    expect(keysymOf('😀')).toBe(0x0101f600);
    expect(keysymOf('\n')).toBe(KEYSYM.Return);
    const to = recorder();
    typeText(to, 'a😀');
    expect(to.sent).toEqual(['+61', '-61', '+101f600', '-101f600']);
  });

  it('come out of what a touch keyboard does to a field', () => {
    const pad = '\u200b\u200b\u200b\u200b';
    expect(difference(`${pad}hi`)).toEqual({ typed: 'hi', deleted: 0 });
    expect(difference('\u200b\u200b\u200b')).toEqual({ typed: '', deleted: 1 });
    expect(difference('')).toEqual({ typed: '', deleted: 4 });
    expect(difference('\u200b\u200bx')).toEqual({ typed: 'x', deleted: 2 });
  });
});

describe('sizes', () => {
  it('are the window’s on a desk', () => {
    expect(remoteFactor(1280, 1, false)).toBe(1);
    expect(remoteFactor(1280, 2, false)).toBe(1);
    expect(remoteFactor(1280, 2, true)).toBe(2);
  });

  it('give a phone a useful width', () => {
    expect(remoteFactor(380, 3, false)).toBe(2);
    expect(remoteFactor(10, 1, false)).toBe(3);
    expect(remoteFactor(0, 1, false)).toBe(1);
  });
});

describe('noVNC', () => {
  it('still has the inner parts that we override', () => {
    // When this fails after an update of noVNC, remoteRfb.ts has to be looked at again.
    expect(typeof RFB.prototype._screenSize).toBe('function');
    expect(typeof RFB.prototype._requestRemoteResize).toBe('function');
    expect(RFB.prototype._requestRemoteResize.toString()).toContain('_screenSize');
    expect(Object.getPrototypeOf(RemoteRfb.prototype)).toBe(RFB.prototype);
  });
});

describe('the socket', () => {
  it('stays on our origin’s scheme', () => {
    expect(socketUrl('/api/v1/x?ticket=t', 'https://a.example/sessions/x')).toBe('wss://a.example/api/v1/x?ticket=t');
    expect(socketUrl('/api/v1/x', 'http://127.0.0.1:8000/')).toBe('ws://127.0.0.1:8000/api/v1/x');
  });
});

describe('figures', () => {
  it('count the last second only', () => {
    const meter = new RateMeter();
    for (let t = 0; t < 3_000; t += 100) meter.add(1, t);
    expect(meter.rate(2_950)).toBe(10);
    expect(meter.rate(10_000)).toBe(0);
  });

  it('do not follow a single outlier', () => {
    const median = new Median();
    expect(median.get()).toBeUndefined();
    for (const value of [5, 6, 900, 5, 7]) median.add(value);
    expect(median.get()).toBe(6);
  });
});
