import { useEffect, useState } from 'react';
import { useSearchParams } from 'react-router-dom';

/**
 * Which entry of a list is open beside it, kept in the address (`?open=NAME`):
 * links lead to it, and Back closes it.
 */
export function useOpened() {
  const [params, setParams] = useSearchParams();
  const name = params.get('open') ?? undefined;
  // Stays while the drawer slides away.
  const [shown, setShown] = useState(name);
  useEffect(() => {
    if (name) setShown(name);
  }, [name]);
  const change = (next: string | undefined, replace: boolean) =>
    setParams(
      (old) => {
        const copy = new URLSearchParams(old);
        if (next) copy.set('open', next);
        else copy.delete('open');
        return copy;
      },
      { replace },
    );
  return {
    name,
    shown: name ?? shown,
    open: (next: string) => change(next, false),
    /** To a neighbour: Back still leads to the list. */
    replace: (next: string) => change(next, true),
    close: () => change(undefined, true),
  };
}
