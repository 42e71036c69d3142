// What all lists of the server have in common.
import type { Page } from './types';

/** The server's limit for one page of a list. */
export const PAGE_LIMIT = 200;

export interface ListAnswer {
  total?: number;
  nextCursor?: string | null;
}

export function page<T>(items: T[] | undefined, answer: ListAnswer): Page<T> {
  const list = items ?? [];
  return { items: list, total: answer.total ?? list.length, nextCursor: answer.nextCursor ?? null };
}

/** A name as a part of a path. */
export const at = (name: string | number) => encodeURIComponent(name);
