import { Button } from '@mantine/core';
import { IconKey, IconPlus } from '@tabler/icons-react';
import { EmptyState } from '@/components/EmptyState';
import { LoadError } from '@/components/LoadError';
import { PageHeader } from '@/components/PageHeader';
import { RowsLoading } from '@/components/data/List';
import { useApiKeys } from '@/hooks/account';
import { useDialog } from '@/hooks/useDialog';
import { ApiKeyTable } from './ApiKeyTable';
import { NewKeyModal } from './NewKeyModal';

export function ApiKeysPage() {
  const list = useApiKeys();
  const creating = useDialog<true>();
  const create = (
    <Button leftSection={<IconPlus size={17} aria-hidden />} onClick={() => creating.open(true)} data-testid="new-key">
      New key
    </Button>
  );
  return (
    <>
      <PageHeader title="API keys" text="With a key, a program acts in your name, without your password.">
        {(list.data?.items.length ?? 0) > 0 && create}
      </PageHeader>
      {list.isPending ? (
        <RowsLoading what="API keys" rows={3} />
      ) : list.isError ? (
        <LoadError error={list.error} onRetry={() => void list.refetch()} what="The API keys" />
      ) : list.data.items.length === 0 ? (
        <EmptyState icon={IconKey} title="No API keys" text="Make one for a script, a pipeline, or anything else that shall start sessions for you.">
          {create}
        </EmptyState>
      ) : (
        <ApiKeyTable items={list.data.items} />
      )}
      <NewKeyModal key={creating.count} opened={creating.opened} onClose={creating.close} />
    </>
  );
}
