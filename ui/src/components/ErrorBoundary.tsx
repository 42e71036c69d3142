import { Component, type ReactNode } from 'react';
import { useRouteError } from 'react-router-dom';
import { FullPageMessage } from './FullPage';

const reload = { label: 'Reload the page', onClick: () => window.location.reload() };

/** The last net, around everything. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return <PageFailure />;
  }
}

/** For the router: a page that threw, or whose code could not be loaded. */
export function PageError() {
  const error = useRouteError();
  const loading = error instanceof TypeError && /import|module/i.test(error.message);
  return loading ? (
    <FullPageMessage
      title="This page could not be loaded"
      text="The connection was lost, or StreamSpace was updated meanwhile. Reloading helps in both cases."
      action={reload}
    />
  ) : (
    <PageFailure />
  );
}

function PageFailure() {
  return (
    <FullPageMessage
      title="Something broke on this page"
      text="Your sessions are not affected. Reloading usually helps."
      action={reload}
    />
  );
}
