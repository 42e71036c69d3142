import { useState } from 'react';

export interface Dialog<T> {
  opened: boolean;
  /** What it is about; stays while the dialog fades away. */
  value: T | undefined;
  /** A new number at every opening: as `key` it gives each opening fresh fields. */
  count: number;
  open: (value: T) => void;
  close: () => void;
}

/** A dialog about something. */
export function useDialog<T>(): Dialog<T> {
  const [state, setState] = useState<{ opened: boolean; value: T | undefined; count: number }>({ opened: false, value: undefined, count: 0 });
  return {
    ...state,
    open: (value) => setState((old) => ({ opened: true, value, count: old.count + 1 })),
    close: () => setState((old) => ({ ...old, opened: false })),
  };
}
