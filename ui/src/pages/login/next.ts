/** Where to go after sign-in: a path of this page and nothing else. */
export function safeNext(next: string | null): string {
  if (!next || !next.startsWith('/') || next.startsWith('//') || next.includes('\\')) return '/';
  return next.startsWith('/login') ? '/' : next;
}
