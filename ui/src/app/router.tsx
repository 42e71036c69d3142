import { createBrowserRouter, type RouteObject } from 'react-router-dom';
import { Shell } from '@/components/shell/Shell';
import { PageError } from '@/components/ErrorBoundary';
import { LoginPage } from '@/pages/login/LoginPage';
import { NotFoundPage } from '@/pages/NotFoundPage';
import { RequireAdmin, RequireOperator, RequireUser } from './guards';

// Pages load when they are visited; sign-in is in the first load.
const page = <K extends string>(load: () => Promise<Record<K, React.ComponentType>>, name: K) => ({
  lazy: async () => ({ Component: (await load())[name] }),
});

const routes: RouteObject[] = [
  { path: '/login', element: <LoginPage />, errorElement: <PageError /> },
  { path: '/setup', errorElement: <PageError />, ...page(() => import('@/pages/setup/SetupPage'), 'SetupPage') },
  { path: '/share/:token', errorElement: <PageError />, ...page(() => import('@/pages/share/SharePage'), 'SharePage') },
  {
    element: <RequireUser />,
    errorElement: <PageError />,
    children: [
      { path: '/sessions/:name', ...page(() => import('@/pages/viewer/ViewerPage'), 'ViewerPage') },
      {
        element: <Shell />,
        children: [
          {
            errorElement: <PageError />,
            children: [
              { index: true, ...page(() => import('@/pages/apps/AppsPage'), 'AppsPage') },
              { path: '/sessions', ...page(() => import('@/pages/sessions/SessionsPage'), 'SessionsPage') },
              { path: '/account', ...page(() => import('@/pages/account/AccountPage'), 'AccountPage') },
              { path: '/account/api-keys', ...page(() => import('@/pages/account/ApiKeysPage'), 'ApiKeysPage') },
              {
                path: '/admin',
                element: <RequireOperator />,
                children: [
                  { index: true, ...page(() => import('@/pages/admin/dashboard/DashboardPage'), 'DashboardPage') },
                  { path: 'agents', ...page(() => import('@/pages/admin/agents/AgentsPage'), 'AgentsPage') },
                  { path: 'templates', ...page(() => import('@/pages/admin/templates/TemplatesPage'), 'TemplatesPage') },
                  { path: 'commands', ...page(() => import('@/pages/admin/CommandsPage'), 'CommandsPage') },
                  {
                    element: <RequireAdmin />,
                    children: [
                      { path: 'users', ...page(() => import('@/pages/admin/users/UsersPage'), 'UsersPage') },
                      { path: 'groups', ...page(() => import('@/pages/admin/groups/GroupsPage'), 'GroupsPage') },
                      { path: 'audit', ...page(() => import('@/pages/admin/audit/AuditPage'), 'AuditPage') },
                      { path: 'settings', ...page(() => import('@/pages/admin/settings/SettingsPage'), 'SettingsPage') },
                    ],
                  },
                ],
              },
              { path: '*', element: <NotFoundPage /> },
            ],
          },
        ],
      },
    ],
  },
];

export const router = createBrowserRouter(routes, {
  future: {
    v7_relativeSplatPath: true,
    v7_fetcherPersist: true,
    v7_normalizeFormMethod: true,
    v7_partialHydration: true,
    v7_skipActionErrorRevalidation: true,
  },
});
