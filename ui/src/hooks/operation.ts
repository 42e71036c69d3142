import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { keys } from '@/api/keys';
import * as operation from '@/api/operation';
import { usePollInterval } from '@/live/LiveProvider';

/** Orphans and stuck sessions come without an event. */
const DASHBOARD_POLL_MS = 10_000;
/** The audit log has no events; its first page is kept fresh like this. */
const AUDIT_POLL_MS = 10_000;

export function useDashboard() {
  return useQuery({
    queryKey: keys.dashboard,
    queryFn: ({ signal }) => operation.dashboard(signal),
    refetchInterval: usePollInterval() || DASHBOARD_POLL_MS,
  });
}

export function useAudit(filter: operation.AuditFilter) {
  return useInfiniteQuery({
    queryKey: keys.auditList(filter),
    queryFn: ({ pageParam, signal }) => operation.listAudit(filter, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    placeholderData: (previous) => previous,
    // Someone who has paged on reads history: that is left alone.
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 1 ? false : AUDIT_POLL_MS),
  });
}

export function useSettings() {
  return useQuery({ queryKey: keys.settings, queryFn: ({ signal }) => operation.listSettings(signal) });
}

export function useAgentTokens(enabled: boolean) {
  return useQuery({ queryKey: keys.agentTokens, queryFn: ({ signal }) => operation.listAgentTokens(signal), enabled });
}
