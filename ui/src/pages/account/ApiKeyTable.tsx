import { ActionIcon, Badge, Tooltip, VisuallyHidden } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { deleteApiKey, type ApiKey } from '@/api/account';
import { keys } from '@/api/keys';
import { ConfirmModal } from '@/components/ConfirmModal';
import { Elapsed } from '@/components/Elapsed';
import table from '@/components/data/Table.module.css';
import { useChange } from '@/hooks/useChange';
import { useDialog } from '@/hooks/useDialog';
import { serverNow } from '@/lib/clock';
import { formatDate, parseTime } from '@/lib/duration';
import { notify } from '@/lib/notify';
import { describeScopes } from '@/lib/scopes';

/** `compact` for drawers: everything below the name. */
export function ApiKeyTable({ items, compact }: { items: ApiKey[]; compact?: boolean }) {
  const deleting = useDialog<ApiKey>();
  const remove = useChange(deleteApiKey, [keys.apiKeys]);
  return (
    <div className={table.frame} data-compact={compact || undefined}>
      <table className={table.table}>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" className={table.wide}>
              May
            </th>
            <th scope="col" className={table.wide}>
              Last used
            </th>
            <th scope="col" className={table.wide}>
              Valid until
            </th>
            <th scope="col" className={table.end}>
              <VisuallyHidden>Actions</VisuallyHidden>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((key) => (
            <tr key={key.id} data-testid={`key-${key.name}`}>
              <td>
                <div className={table.names}>
                  <strong style={{ fontWeight: 600 }}>{key.name}</strong>
                  <span className={table.sub}>
                    <code>{key.prefix}…</code>
                  </span>
                  <span className={`${table.sub} ${table.narrow}`}>{describeScopes(key.scopes)}</span>
                  <span className={`${table.sub} ${table.narrow}`}>
                    <Expiry expiresAt={key.expiresAt} />
                  </span>
                </div>
              </td>
              <td className={table.wide}>{describeScopes(key.scopes)}</td>
              <td className={`${table.wide} ${table.quiet} ${table.nowrap}`}>{key.lastUsedAt ? <Elapsed since={key.lastUsedAt} ago /> : 'never'}</td>
              <td className={`${table.wide} ${table.quiet} ${table.nowrap}`}>
                <Expiry expiresAt={key.expiresAt} />
              </td>
              <td className={table.end}>
                <Tooltip label="Delete">
                  <ActionIcon size={36} onClick={() => deleting.open(key)} aria-label={`Delete the key ${key.name}`} data-testid={`delete-key-${key.name}`}>
                    <IconTrash size={18} />
                  </ActionIcon>
                </Tooltip>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <ConfirmModal
        opened={deleting.opened}
        onClose={deleting.close}
        title={`Delete the key “${deleting.value?.name}”?`}
        confirm="Delete key"
        pending={remove.isPending}
        error={remove.error}
        onConfirm={() =>
          deleting.value &&
          remove.mutate(deleting.value.id, {
            onSuccess() {
              deleting.close();
              notify('Key deleted');
            },
          })
        }
      >
        Programs that use it are refused from now on. This cannot be undone; a new key is another key.
      </ConfirmModal>
    </div>
  );
}

function Expiry({ expiresAt }: { expiresAt: string | null | undefined }) {
  const time = parseTime(expiresAt);
  if (time === undefined) return <>no end</>;
  if (time < serverNow()) {
    return (
      <Badge color="red" size="sm">
        Expired
      </Badge>
    );
  }
  return <>{formatDate(expiresAt)}</>;
}
