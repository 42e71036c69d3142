// What the page knows of the server, by query. Events keep it fresh.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, useContext } from 'react';
import { me } from '@/api/account';
import * as api from '@/api/endpoints';
import { ApiError } from '@/api/http';
import { keys } from '@/api/keys';
import type { Session, User } from '@/api/types';
import { isStarting } from '@/lib/sessions';
import { usePollInterval } from '@/live/LiveProvider';

export function useMe() {
  return useQuery({
    queryKey: keys.me,
    queryFn: ({ signal }) => me(signal),
    staleTime: Infinity,
    retry: (count, error) => !(error instanceof ApiError && error.status === 401) && count < 2,
  });
}

const UserContext = createContext<User | undefined>(undefined);
export const UserProvider = UserContext.Provider;

/**
 * The signed-in user, below the guard that demands one. Not read from the query:
 * that is empty as soon as somebody signs out, a moment before these pages go.
 */
export function useUser(): User {
  const user = useContext(UserContext);
  if (!user) throw new Error('no user');
  return user;
}

export const isOperator = (user: User) => user.role === 'operator' || user.role === 'admin';
export const isAdmin = (user: User) => user.role === 'admin';

export function useTemplates() {
  return useQuery({
    queryKey: keys.templates,
    queryFn: ({ signal }) => api.listTemplates(signal),
    refetchInterval: usePollInterval(),
    staleTime: 30_000,
  });
}

export function useSessions(filter: api.SessionFilter, enabled = true) {
  return useInfiniteQuery({
    queryKey: keys.sessionList(filter),
    queryFn: ({ pageParam, signal }) => api.listSessions(filter, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    refetchInterval: usePollInterval(),
    enabled,
  });
}

/** The caller's own sessions that are not over, newest first. */
export function useMySessions() {
  return useSessions(ownSessions(useUser()));
}

/** Operators see everybody's unless they ask for their own; others see their own anyway. */
export function ownSessions(user: User): api.SessionFilter {
  return isOperator(user) ? { user: user.username } : {};
}

export function flatten<T>(data: { pages: { items: T[] }[] } | undefined): T[] {
  return data?.pages.flatMap((page) => page.items) ?? [];
}

/** While a session starts somebody waits for it: should an event be lost, this is the longest delay. */
const STARTING_POLL_MS = 2_000;

export function useSession(name: string) {
  const poll = usePollInterval();
  return useQuery({
    queryKey: keys.session(name),
    queryFn: ({ signal }) => api.getSession(name, signal),
    refetchInterval: ({ state }) => (state.data && isStarting(state.data.state) ? STARTING_POLL_MS : poll),
    retry: (count, error) => !(error instanceof ApiError && error.status >= 400 && error.status < 500) && count < 3,
  });
}

export function useCreateSession() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: api.createSession,
    onSuccess(session) {
      client.setQueryData<Session>(keys.session(session.name), session);
      // Its first events may have come before this answer: the session's page reads it anew.
      void client.invalidateQueries({ queryKey: keys.session(session.name) });
      void client.invalidateQueries({ queryKey: keys.sessions });
    },
  });
}

export function useEndSession() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: api.endSession,
    onSuccess(_answer, name) {
      client.setQueryData<Session>(keys.session(name), (old) => old && { ...old, state: 'terminating' });
    },
    onSettled(_answer, _error, name) {
      void client.invalidateQueries({ queryKey: keys.sessions });
      void client.invalidateQueries({ queryKey: keys.session(name) });
    },
  });
}

export function useAgents() {
  return useQuery({
    queryKey: keys.agents,
    queryFn: ({ signal }) => api.listAgents(signal),
    refetchInterval: usePollInterval() || 15_000,
  });
}

export function useCommands(filter: api.CommandFilter) {
  return useInfiniteQuery({
    queryKey: keys.commandList(filter),
    queryFn: ({ pageParam, signal }) => api.listCommands(filter, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    refetchInterval: usePollInterval(),
    placeholderData: (previous) => previous,
  });
}
