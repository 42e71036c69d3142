import { useQueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useState, type ReactNode } from 'react';
import { keys } from '@/api/keys';
import { applyEvent, staleKeys } from './events';
import { EventStream, type LiveState } from './eventStream';
import { Invalidator } from './invalidator';

const LiveContext = createContext<LiveState>('connecting');

const ALL_LIVE = [keys.sessions, ['session'], keys.agents, keys.commands, keys.templates];

/** While the events are away, lists are read every so often instead. */
const POLL_MS = 5_000;

export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>('connecting');

  useEffect(() => {
    const invalidator = new Invalidator(client);
    const stream = new EventStream({
      onEvent(event) {
        applyEvent(client, event);
        invalidator.add(staleKeys(event));
      },
      onState: setState,
      onResume: () => invalidator.add(ALL_LIVE),
    });
    stream.start();
    return () => {
      stream.stop();
      invalidator.stop();
    };
  }, [client]);

  return <LiveContext.Provider value={state}>{children}</LiveContext.Provider>;
}

export const useLiveState = () => useContext(LiveContext);

/** The `refetchInterval` of everything that events keep fresh. */
export function usePollInterval(): number | false {
  return useLiveState() === 'broken' ? POLL_MS : false;
}
