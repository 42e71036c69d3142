// The one list of places. A new page gets a line here and a route in app/router.tsx.
import {
  IconApps,
  IconDeviceDesktop,
  IconGauge,
  IconHistory,
  IconKey,
  IconListDetails,
  IconServer2,
  IconSettings,
  IconTemplate,
  IconUserCircle,
  IconUsers,
  IconUsersGroup,
  type Icon,
} from '@tabler/icons-react';
import type { Role } from '@/api/types';

/** `account` is in the user's menu and not in the navigation. */
export type NavSection = 'workspace' | 'operation' | 'administration' | 'account';

export interface NavItem {
  to: string;
  label: string;
  icon: Icon;
  section: NavSection;
  /** Who sees it; everybody when absent. */
  roles?: Role[];
  /** Other words that the command palette finds it by. */
  keywords?: string[];
}

export const sectionLabel: Record<NavSection, string> = {
  workspace: 'Workspace',
  operation: 'Operation',
  administration: 'Administration',
  account: 'Account',
};

/** Sections below /admin, which phones show behind one tab. */
export const isAdminSection = (section: NavSection) => section === 'operation' || section === 'administration';

const OPERATORS: Role[] = ['operator', 'admin'];
const ADMINS: Role[] = ['admin'];

const items: NavItem[] = [
  { to: '/', label: 'Applications', icon: IconApps, section: 'workspace' },
  { to: '/sessions', label: 'My sessions', icon: IconDeviceDesktop, section: 'workspace' },
  { to: '/admin', label: 'Dashboard', icon: IconGauge, section: 'operation', roles: OPERATORS, keywords: ['overview', 'orphans', 'stuck', 'failures'] },
  { to: '/admin/agents', label: 'Agents', icon: IconServer2, section: 'operation', roles: OPERATORS, keywords: ['machines', 'enrol', 'drain'] },
  { to: '/admin/templates', label: 'Templates', icon: IconTemplate, section: 'operation', roles: OPERATORS, keywords: ['catalogue', 'yaml', 'import', 'applications'] },
  { to: '/admin/commands', label: 'Commands', icon: IconListDetails, section: 'operation', roles: OPERATORS, keywords: ['queue'] },
  { to: '/admin/users', label: 'Users', icon: IconUsers, section: 'administration', roles: ADMINS, keywords: ['accounts', 'people', 'quota'] },
  { to: '/admin/groups', label: 'Groups', icon: IconUsersGroup, section: 'administration', roles: ADMINS, keywords: ['teams', 'members', 'quota'] },
  { to: '/admin/audit', label: 'Audit log', icon: IconHistory, section: 'administration', roles: ADMINS, keywords: ['history', 'export', 'csv'] },
  { to: '/admin/settings', label: 'Settings', icon: IconSettings, section: 'administration', roles: ADMINS, keywords: ['configuration', 'options'] },
  { to: '/account', label: 'My account', icon: IconUserCircle, section: 'account', keywords: ['profile', 'password', 'two-step', 'totp', 'browsers', 'logins'] },
  { to: '/account/api-keys', label: 'API keys', icon: IconKey, section: 'account', keywords: ['tokens', 'programs', 'scopes'] },
];

/** A page of the server's own, beside the application. */
export const API_DOCS = '/api/docs';

/** Whether the link is the current place only where the path is the same. */
export const isExact = (to: string) => to === '/' || to === '/admin' || to === '/account';

export function navFor(role: Role): NavItem[] {
  return items.filter((item) => !item.roles || item.roles.includes(role));
}
