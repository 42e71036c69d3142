import { VisuallyHidden } from '@mantine/core';
import { useLiveState } from '@/live/LiveProvider';
import { StatusDot } from '@/components/StatusDot';
import classes from './Shell.module.css';

/** Says so, discreetly, when what is shown may be a few seconds old. */
export function LiveIndicator({ compact }: { compact?: boolean }) {
  const broken = useLiveState() === 'broken';
  return (
    <div role="status">
      {broken && (
        <div className={classes.live} data-compact={compact || undefined} title="Live updates interrupted">
          <StatusDot color="orange" />
          {compact ? <VisuallyHidden>Live updates interrupted</VisuallyHidden> : 'Live updates interrupted'}
        </div>
      )}
    </div>
  );
}
