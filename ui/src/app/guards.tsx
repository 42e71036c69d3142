import { Navigate, Outlet, useLocation } from 'react-router-dom';
import { ApiError, errorText } from '@/api/http';
import { FullPageMessage, Splash } from '@/components/FullPage';
import { isAdmin, isOperator, useMe, UserProvider, useUser } from '@/hooks/queries';
import { LiveProvider } from '@/live/LiveProvider';
import { NotFoundPage } from '@/pages/NotFoundPage';

/** Signs in first, and comes back to where one wanted to go. */
export function RequireUser() {
  const { data, error, isPending, refetch, isFetching } = useMe();
  const location = useLocation();
  if (data) {
    return (
      <UserProvider value={data}>
        <LiveProvider>
          <Outlet />
        </LiveProvider>
      </UserProvider>
    );
  }
  if (isPending) return <Splash />;
  if (error instanceof ApiError && error.status === 401) {
    const here = location.pathname + location.search;
    return <Navigate to={here === '/' ? '/login' : `/login?next=${encodeURIComponent(here)}`} replace />;
  }
  return (
    <FullPageMessage
      title="StreamSpace is out of reach"
      text={errorText(error)}
      action={{ label: 'Try again', onClick: () => void refetch(), loading: isFetching }}
    />
  );
}

/** What users may not see does not exist for them, as in the API. */
export function RequireOperator() {
  return isOperator(useUser()) ? <Outlet /> : <NotFoundPage />;
}

export function RequireAdmin() {
  return isAdmin(useUser()) ? <Outlet /> : <NotFoundPage />;
}
