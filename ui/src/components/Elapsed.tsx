import { useNow } from '@/hooks/useNow';
import { formatAgo, formatDuration, formatTime, parseTime } from '@/lib/duration';

interface Props {
  since: string | null | undefined;
  /** "3 min ago" instead of "3 min 20 s". */
  ago?: boolean;
}

/** A span of time that keeps growing. */
export function Elapsed({ since, ago }: Props) {
  const now = useNow();
  const start = parseTime(since);
  if (start === undefined) return <>–</>;
  return (
    <time className="tabular" dateTime={since ?? undefined} title={formatTime(since)}>
      {ago ? formatAgo(now - start) : formatDuration(now - start)}
    </time>
  );
}
