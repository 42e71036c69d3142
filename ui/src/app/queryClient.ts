import { QueryClient } from '@tanstack/react-query';
import { ApiError, onUnauthorized } from '@/api/http';
import { keys } from '@/api/keys';

/** Refusals stay refusals; only what may pass by itself is tried again. */
function mayPass(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status === 0 || error.status >= 500;
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (count, error) => mayPass(error) && count < 2,
      staleTime: 2_000,
      refetchOnWindowFocus: true,
    },
    mutations: { retry: false },
  },
});

// Whatever request finds the login gone, the pages that need one go to sign-in.
onUnauthorized(() => {
  if (queryClient.getQueryData(keys.me) === undefined) return;
  queryClient.removeQueries({ predicate: (query) => query.queryKey[0] !== keys.me[0] });
  void queryClient.resetQueries({ queryKey: keys.me });
});
