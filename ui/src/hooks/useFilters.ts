import { useSearchParams } from 'react-router-dom';

type FilterValues<K extends string> = Partial<Record<K, string>>;

export interface Filters<K extends string> {
  values: FilterValues<K>;
  /** Whether any is set. */
  any: boolean;
  set: (key: K, value: string | null | undefined) => void;
  clear: () => void;
}

/** Filters of a list, kept in the address, so that a filtered list can be sent to others. */
export function useFilters<K extends string>(names: readonly K[]): Filters<K> {
  const [params, setParams] = useSearchParams();
  const values: FilterValues<K> = {};
  for (const name of names) {
    const value = params.get(name);
    if (value) values[name] = value;
  }
  const change = (edit: (next: URLSearchParams) => void) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        edit(next);
        return next;
      },
      { replace: true },
    );
  return {
    values,
    any: Object.keys(values).length > 0,
    set: (key, value) => change((next) => (value ? next.set(key, value) : next.delete(key))),
    clear: () => change((next) => names.forEach((name) => next.delete(name))),
  };
}
