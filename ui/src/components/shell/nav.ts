// The one list of places. A new page gets a line here and a route in app/router.tsx.
import { IconApps, IconDeviceDesktop, IconListDetails, IconServer2, type Icon } from '@tabler/icons-react';
import type { Role } from '@/api/types';

export type NavSection = 'workspace' | 'administration';

export interface NavItem {
  to: string;
  label: string;
  icon: Icon;
  section: NavSection;
  /** Who sees it; everybody when absent. */
  roles?: Role[];
}

export const sectionLabel: Record<NavSection, string> = {
  workspace: 'Workspace',
  administration: 'Administration',
};

const OPERATORS: Role[] = ['operator', 'admin'];

const items: NavItem[] = [
  { to: '/', label: 'Applications', icon: IconApps, section: 'workspace' },
  { to: '/sessions', label: 'My sessions', icon: IconDeviceDesktop, section: 'workspace' },
  { to: '/admin/agents', label: 'Agents', icon: IconServer2, section: 'administration', roles: OPERATORS },
  { to: '/admin/commands', label: 'Commands', icon: IconListDetails, section: 'administration', roles: OPERATORS },
];

export function navFor(role: Role): NavItem[] {
  return items.filter((item) => !item.roles || item.roles.includes(role));
}
