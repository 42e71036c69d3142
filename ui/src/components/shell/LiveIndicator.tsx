import { useLiveState } from '@/live/LiveProvider';
import { StatusDot } from '@/components/StatusDot';
import classes from './Shell.module.css';

/** Says so, discreetly, when what is shown may be a few seconds old. */
export function LiveIndicator() {
  const broken = useLiveState() === 'broken';
  return (
    <div role="status">
      {broken && (
        <div className={classes.live}>
          <StatusDot color="orange" />
          Live updates interrupted
        </div>
      )}
    </div>
  );
}
