import { useQuery } from '@tanstack/react-query';
import * as account from '@/api/account';
import { ApiError } from '@/api/http';
import { keys } from '@/api/keys';

/** What sign-in offers. A server that does not say has passwords only. */
export function useSignInMethods() {
  return useQuery({
    queryKey: keys.methods,
    queryFn: async ({ signal }): Promise<account.SignInMethods> => {
      try {
        return await account.signInMethods(signal);
      } catch (error) {
        if (error instanceof ApiError && error.status > 0 && error.status < 500) return { password: true, oidc: null, setup: false };
        throw error;
      }
    },
    staleTime: 60_000,
  });
}

export function useLogins() {
  return useQuery({ queryKey: keys.logins, queryFn: ({ signal }) => account.listLogins(signal) });
}

/** Keys of oneself, or of `user` for administrators. */
export function useApiKeys(user?: string) {
  return useQuery({ queryKey: keys.apiKeysOf(user), queryFn: ({ signal }) => account.listApiKeys(user, signal) });
}
