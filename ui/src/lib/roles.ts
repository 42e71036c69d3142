import type { Role } from '@/api/types';

/** What a role may, in a line. */
export const roleText: Record<Role, string> = {
  user: 'Own sessions, and what others share',
  operator: 'Also everybody’s sessions, templates, agents and commands to read',
  admin: 'Everything: users, groups, quotas, settings, audit log',
};

export const roleColor: Record<Role, string> = { user: 'gray', operator: 'tide', admin: 'violet' };
