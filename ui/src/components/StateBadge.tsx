import { Badge, Loader } from '@mantine/core';
import type { SessionState } from '@/api/types';
import { stateColor, stateLabel } from '@/lib/sessions';
import { StatusDot } from './StatusDot';

const MOVING: ReadonlySet<SessionState> = new Set(['pending', 'starting', 'waking', 'hibernating', 'terminating']);

export function StateBadge({ state }: { state: SessionState }) {
  const color = stateColor[state];
  return (
    <Badge
      color={color}
      className="ss-badge"
      leftSection={MOVING.has(state) ? <Loader size={10} color={color} aria-hidden /> : <StatusDot color={color} />}
    >
      {stateLabel[state]}
    </Badge>
  );
}
