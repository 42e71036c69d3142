import { Button } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import { IconMapSearch } from '@tabler/icons-react';
import { Link } from 'react-router-dom';
import { EmptyState } from '@/components/EmptyState';

export function NotFoundPage() {
  useDocumentTitle('Not found · StreamSpace');
  return (
    <EmptyState
      icon={IconMapSearch}
      order={1}
      title="There is no such page"
      text="The address may be mistyped, or the page is not yours to see."
    >
      <Button component={Link} to="/" mt="sm">
        Back to applications
      </Button>
    </EmptyState>
  );
}
