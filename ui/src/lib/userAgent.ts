// Browsers by name, as far as their User-Agent tells.

export type AgentKind = 'desktop' | 'mobile' | 'program';

// In this order: every browser claims to be some of those that stand below it.
const BROWSERS: [RegExp, string][] = [
  [/Edg(?:e|A|iOS)?\//, 'Edge'],
  [/OPR\/|Opera/, 'Opera'],
  [/Vivaldi\//, 'Vivaldi'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/Chrome\/|CriOS\/|Chromium\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];

const SYSTEMS: [RegExp, string][] = [
  [/Android/, 'Android'],
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Windows/, 'Windows'],
  [/CrOS/, 'ChromeOS'],
  [/Mac OS X|Macintosh/, 'macOS'],
  [/Linux|X11/, 'Linux'],
];

const find = (list: [RegExp, string][], text: string) => list.find(([pattern]) => pattern.test(text))?.[1];

/** "Firefox on Linux"; a program by its first word: "curl 7.88.1". */
export function describeAgent(userAgent: string | null | undefined): { label: string; kind: AgentKind } {
  if (!userAgent) return { label: 'Unknown program', kind: 'program' };
  const browser = find(BROWSERS, userAgent);
  if (!browser) {
    const [product = 'Unknown program'] = userAgent.split(' ');
    return { label: product.replace('/', ' '), kind: 'program' };
  }
  const system = find(SYSTEMS, userAgent);
  return {
    label: system ? `${browser} on ${system}` : browser,
    kind: /Android|iPhone|iPad|Mobile/.test(userAgent) ? 'mobile' : 'desktop',
  };
}
