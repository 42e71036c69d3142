import { Group, Progress, SimpleGrid, Skeleton, Text } from '@mantine/core';
import { errorText } from '@/api/http';
import type { QuotaOwner } from '@/api/people';
import { useQuota } from '@/hooks/people';
import { quotaLines, type QuotaLine } from '@/lib/quota';

/** How much of each limit is used. */
export function QuotaUsage({ owner }: { owner: QuotaOwner }) {
  const quota = useQuota(owner);
  if (quota.isPending) {
    return (
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="lg" role="status" aria-label="Loading the quota">
        {[0, 1, 2, 3].map((i) => (
          <Skeleton key={i} h={34} radius="sm" />
        ))}
      </SimpleGrid>
    );
  }
  if (quota.isError) {
    return (
      <Text fz="sm" c="var(--mantine-color-error)" role="alert">
        The quota could not be loaded. {errorText(quota.error)}
      </Text>
    );
  }
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="lg" data-testid="quota-usage">
      {quotaLines(quota.data).map((line) => (
        <Usage key={line.field} line={line} />
      ))}
    </SimpleGrid>
  );
}

function Usage({ line: { label, used, limit, format } }: { line: QuotaLine }) {
  const share = limit === undefined ? 0 : limit === 0 ? 100 : Math.min(100, (used / limit) * 100);
  const color = share >= 100 ? 'red' : share > 80 ? 'yellow' : 'tide';
  return (
    <div>
      <Group justify="space-between" mb={6} gap="xs" wrap="nowrap">
        <Text fz="sm">{label}</Text>
        <Text fz="sm" className="tabular" truncate>
          <Text span fw={600} inherit>
            {format(used)}
          </Text>{' '}
          <Text span c="dimmed" inherit>
            {limit === undefined ? 'no limit' : `of ${format(limit)}`}
          </Text>
        </Text>
      </Group>
      <Progress
        value={share}
        color={color}
        size={6}
        aria-label={limit === undefined ? `${label}: no limit` : `${label}: ${Math.round(share)} % of the limit in use`}
      />
    </div>
  );
}
