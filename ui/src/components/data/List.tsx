// The states that every list has: loading, failed, empty, more.
import { Button, Center, Skeleton, Stack } from '@mantine/core';
import { IconFilterOff } from '@tabler/icons-react';
import { EmptyState } from '@/components/EmptyState';

export function RowsLoading({ what, rows = 6, height = 56 }: { what: string; rows?: number; height?: number }) {
  return (
    <Stack gap={6} role="status" aria-label={`Loading ${what}`}>
      {Array.from({ length: rows }, (_, i) => (
        <Skeleton key={i} h={height} radius="md" />
      ))}
    </Stack>
  );
}

export function NothingFits({ what, onClear }: { what: string; onClear: () => void }) {
  return (
    <EmptyState icon={IconFilterOff} title={`No ${what} fits`} text="Nothing matches these filters.">
      <Button variant="default" mt="sm" onClick={onClear}>
        Clear the filters
      </Button>
    </EmptyState>
  );
}

interface MoreQuery {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
}

export function ShowMore({ query }: { query: MoreQuery }) {
  if (!query.hasNextPage) return null;
  return (
    <Center mt="lg">
      <Button variant="default" onClick={() => void query.fetchNextPage()} loading={query.isFetchingNextPage}>
        Show more
      </Button>
    </Center>
  );
}
