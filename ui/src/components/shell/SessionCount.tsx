import { flatten, useMySessions } from '@/hooks/queries';
import { isOver } from '@/lib/sessions';

export function SessionCount({ className }: { className?: string }) {
  const { data } = useMySessions();
  const count = flatten(data).filter((session) => !isOver(session.state)).length;
  if (count === 0) return null;
  return (
    <span className={className} aria-label={`${count} active`}>
      {count}
    </span>
  );
}
