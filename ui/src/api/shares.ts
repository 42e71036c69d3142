// Others who may see or use a session: by name, and by link.
import { request } from './http';
import { at } from './list';
import type { SessionState, Ticket } from './types';

export type ShareMode = 'view' | 'control';

export interface Share {
  id: number;
  mode: ShareMode;
  username: string | null;
  link: boolean;
  createdBy: string;
  createdAt: string;
  expiresAt: string | null;
  /** Of a new link, this once. */
  token?: string;
  url?: string;
}

export type NewShare = ({ username: string } | { link: true }) & { mode: ShareMode; expiresAt?: string };

/** What a link leads to. */
export interface SharedSession {
  name: string;
  displayName: string;
  template: string;
  icon: string | null;
  state: SessionState;
  mode: ShareMode;
  expiresAt: string | null;
  owner: string;
}

export const listShares = async (session: string, signal?: AbortSignal): Promise<Share[]> =>
  (await request<{ shares: Share[] }>('GET', `/sessions/${at(session)}/shares`, { signal })).shares ?? [];

export const createShare = (session: string, body: NewShare) =>
  request<Share>('POST', `/sessions/${at(session)}/shares`, { body });

export const deleteShare = (session: string, id: number) =>
  request<void>('DELETE', `/sessions/${at(session)}/shares/${id}`);

export const getShared = (token: string, signal?: AbortSignal) =>
  request<SharedSession>('GET', `/shares/${at(token)}`, { signal });

export const createSharedTicket = (token: string, signal?: AbortSignal) =>
  request<Ticket>('POST', `/shares/${at(token)}/tickets`, { body: {}, signal });

/** A link as people pass it on: servers without a public URL say the path only. */
export function linkUrl(share: Pick<Share, 'url'>, origin: string = window.location.origin): string {
  return new URL(share.url ?? '/', origin).toString();
}
