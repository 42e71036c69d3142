import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { keys } from '@/api/keys';
import { createShare, deleteShare, getShared, listShares, type NewShare } from '@/api/shares';
import { ApiError } from '@/api/http';

export function useShares(session: string, enabled: boolean) {
  return useQuery({ queryKey: keys.shares(session), queryFn: ({ signal }) => listShares(session, signal), enabled });
}

export function useCreateShare(session: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: NewShare) => createShare(session, body),
    onSettled: () => void client.invalidateQueries({ queryKey: keys.shares(session) }),
  });
}

export function useDeleteShare(session: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: number) => deleteShare(session, id),
    onSettled: () => void client.invalidateQueries({ queryKey: keys.shares(session) }),
  });
}

/** Whoever has a link gets no events: while there is no picture, the server is asked. */
const SHARED_POLL_MS = 3_000;

export function useShared(token: string) {
  return useQuery({
    queryKey: keys.shared(token),
    queryFn: ({ signal }) => getShared(token, signal),
    refetchInterval: ({ state }) => (state.data && state.data.state !== 'running' ? SHARED_POLL_MS : false),
    retry: (count, error) => !(error instanceof ApiError && error.status >= 400 && error.status < 500) && count < 3,
  });
}
