import { useMutation, useQueryClient, type QueryKey } from '@tanstack/react-query';

/** A change on the server; what it makes stale is read anew when it is over. */
export function useChange<V = void, R = unknown>(change: (value: V) => Promise<R>, stale: readonly QueryKey[]) {
  const client = useQueryClient();
  return useMutation<R, Error, V>({
    mutationFn: change,
    onSettled: () => Promise.all(stale.map((queryKey) => client.invalidateQueries({ queryKey }))),
  });
}
