import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { keys } from '@/api/keys';
import * as people from '@/api/people';

export function useUsers(filter: people.UserFilter) {
  return useInfiniteQuery({
    queryKey: keys.userList(filter),
    queryFn: ({ pageParam, signal }) => people.listUsers(filter, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.nextCursor ?? undefined,
    placeholderData: (previous) => previous,
  });
}

export function useUserOf(username: string) {
  return useQuery({ queryKey: keys.user(username), queryFn: ({ signal }) => people.getUser(username, signal) });
}

export function useGroups(search?: string, enabled = true) {
  return useQuery({
    queryKey: keys.groupList(search),
    queryFn: ({ signal }) => people.listGroups(search, signal),
    placeholderData: (previous) => previous,
    enabled,
  });
}

export function useGroup(name: string) {
  return useQuery({ queryKey: keys.group(name), queryFn: ({ signal }) => people.getGroup(name, signal) });
}

export function useMembers(group: string) {
  return useQuery({ queryKey: keys.members(group), queryFn: ({ signal }) => people.listMembers(group, signal) });
}

export function useQuota(owner: people.QuotaOwner) {
  return useQuery({ queryKey: keys.quota(owner), queryFn: ({ signal }) => people.getQuota(owner, signal) });
}
