import { useState, type ChangeEvent } from 'react';
import { fieldError, formError } from '@/lib/fieldErrors';

type Errors<T> = Partial<Record<keyof T & string, string | undefined>>;

export interface TextProps {
  name: string;
  value: string;
  error: string | undefined;
  onChange: (event: ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) => void;
}

export interface Fields<T extends Record<string, string>> {
  values: T;
  /** Whether something differs from the beginning. */
  changed: boolean;
  set: (change: Partial<T>) => void;
  /** The props of a text input. */
  text: (name: keyof T & string) => TextProps;
  errorOf: (name: keyof T & string) => string | undefined;
  /** Shows what the page itself finds wrong; true when that is something. */
  refuse: (errors: Errors<T>) => boolean;
  /** What belongs to no field. */
  formError: string | undefined;
  /** Grows with every refusal: the form then goes to the first wrong field. */
  refusals: number;
  reset: (values?: T) => void;
}

/**
 * The texts of a form with the errors of both sides. `error` is what the last
 * attempt to save threw; a field's error goes when the field is edited.
 */
export function useFields<T extends Record<string, string>>(initial: T, error: unknown): Fields<T> {
  const [start, setStart] = useState(initial);
  const [values, setValues] = useState(initial);
  const [own, setOwn] = useState<Errors<T>>({});
  const [edited, setEdited] = useState<ReadonlySet<string>>(new Set());
  const [refusals, setRefusals] = useState(0);
  const [lastError, setLastError] = useState(error);
  if (error !== lastError) {
    setLastError(error);
    setEdited(new Set());
    if (error) setRefusals(refusals + 1);
  }

  function set(change: Partial<T>) {
    setValues((old) => ({ ...old, ...change }));
    setOwn((old) => {
      const next = { ...old };
      for (const name of Object.keys(change)) delete next[name];
      return next;
    });
    setEdited((old) => new Set([...old, ...Object.keys(change)]));
  }

  const errorOf = (name: keyof T & string) => own[name] ?? (edited.has(name) ? undefined : fieldError(error, name));

  return {
    values,
    changed: Object.keys(values).some((name) => values[name] !== start[name]),
    set,
    errorOf,
    text: (name) => ({
      name,
      value: values[name] ?? '',
      error: errorOf(name),
      onChange: (event) => set({ [name]: event.currentTarget.value } as Partial<T>),
    }),
    refuse(errors) {
      const found = Object.values(errors).some(Boolean);
      setOwn(errors);
      if (found) setRefusals((count) => count + 1);
      return found;
    },
    formError: formError(error, Object.keys(values)),
    refusals,
    reset(next = initial) {
      setStart(next);
      setValues(next);
      setOwn({});
      setEdited(new Set(Object.keys(next)));
    },
  };
}
