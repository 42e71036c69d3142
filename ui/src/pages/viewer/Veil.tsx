import { Button, Loader, Text } from '@mantine/core';
import { Link } from 'react-router-dom';
import { useNow } from '@/hooks/useNow';
import type { ConnectionState } from '@/viewer/connection';
import classes from './Viewer.module.css';

/** Over the last picture, while the next one is being fetched. */
export function Veil({ state, onRetry }: { state: ConnectionState; onRetry: () => void }) {
  useNow();
  const again = state.phase === 'reconnecting' ? state : undefined;
  const wait = again?.retryAt === undefined ? 0 : Math.ceil((again.retryAt - Date.now()) / 1_000);
  return (
    <div className={classes.veil} data-testid="viewer-veil">
      <div className={classes.veilCard} role="status">
        <Loader size="sm" color="white" />
        <div>
          <Text fw={650} c="white">
            Reconnecting…
          </Text>
          <Text fz="sm" className={classes.veilText}>
            {sentence(again?.reason)} {wait > 1 ? `Next try in ${wait} s.` : ''}
          </Text>
        </div>
        {wait > 1 && (
          <Button size="xs" variant="white" color="dark" onClick={onRetry}>
            Now
          </Button>
        )}
        {again && again.attempt > 4 && (
          <Button size="xs" variant="white" color="dark" component={Link} to="/sessions">
            Leave
          </Button>
        )}
      </div>
    </div>
  );
}

function sentence(text: string | undefined): string {
  return !text || /[.!?…]$/.test(text) ? (text ?? '') : `${text}.`;
}
