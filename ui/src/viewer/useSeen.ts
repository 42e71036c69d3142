import { useRef } from 'react';
import type { Session } from '@/api/types';
import { serverNow } from '@/lib/clock';
import { nothingSeen, see, type Seen } from '@/lib/stages';

/** Remembers what the session went through while this page looked at it. */
export function useSeen(session: Session): Seen {
  const seen = useRef<Seen>(nothingSeen);
  seen.current = see(seen.current, session, serverNow());
  return seen.current;
}
