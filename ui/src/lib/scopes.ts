// What an API key may be limited to. A key never may more than its owner.
import type { Role } from '@/api/types';

export interface Area {
  name: string;
  label: string;
  /** Roles for which it means something. */
  roles: Role[];
  /** Whether there is anything to change for these roles. */
  write: Role[];
}

const ALL: Role[] = ['user', 'operator', 'admin'];
const OPERATORS: Role[] = ['operator', 'admin'];

const AREAS: Area[] = [
  { name: 'sessions', label: 'Sessions', roles: ALL, write: ALL },
  { name: 'templates', label: 'Templates', roles: ALL, write: OPERATORS },
  { name: 'users', label: 'Users', roles: ALL, write: ALL },
  { name: 'groups', label: 'Groups', roles: ALL, write: ALL },
  { name: 'agents', label: 'Agents and commands', roles: OPERATORS, write: ['admin'] },
  { name: 'audit', label: 'Audit log', roles: ['admin'], write: [] },
  { name: 'settings', label: 'Settings', roles: ['admin'], write: ['admin'] },
];

export const areasFor = (role: Role) => AREAS.filter((area) => area.roles.includes(role));

/** "Everything", "Sessions", "Sessions (read), Templates". */
export function describeScopes(scopes: readonly string[]): string {
  if (scopes.length === 0) return 'Everything its owner may';
  const areas = [...new Set(scopes.map((scope) => scope.split(':')[0] ?? scope))];
  return areas
    .map((area) => {
      const label = AREAS.find(({ name }) => name === area)?.label ?? area;
      return scopes.includes(`${area}:write`) ? label : `${label} (read)`;
    })
    .join(', ');
}

/** Adds or takes a scope away. To change something includes to see it. */
export function toggleScope(scopes: readonly string[], area: string, kind: 'read' | 'write', on: boolean): string[] {
  const read = `${area}:read`;
  const write = `${area}:write`;
  const next = new Set(scopes);
  if (on) {
    next.add(read);
    if (kind === 'write') next.add(write);
  } else {
    next.delete(write);
    if (kind === 'read') next.delete(read);
  }
  return [...next];
}
