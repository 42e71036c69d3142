import { Button, Group, SimpleGrid, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { keys } from '@/api/keys';
import { clearQuota, setQuota, type Quota, type QuotaOwner } from '@/api/people';
import { useChange } from '@/hooks/useChange';
import { useFields } from '@/hooks/useFields';
import { useQuota } from '@/hooks/people';
import { notify } from '@/lib/notify';
import { hasLimits, quotaLimits, quotaProblems, quotaTexts } from '@/lib/quota';
import { Form } from './form/Form';
import { QuotaUsage } from './QuotaUsage';

const INPUTS = [
  { field: 'maxSessions', label: 'Sessions', placeholder: 'No limit', hint: 'At the same time, paused ones included' },
  { field: 'maxCpu', label: 'CPU', placeholder: 'No limit', hint: 'Cores: 4, or 500m for half of one' },
  { field: 'maxMemory', label: 'Memory', placeholder: 'No limit', hint: 'Such as 8Gi' },
  { field: 'maxStorage', label: 'Storage', placeholder: 'No limit', hint: 'Kept home directories, such as 50Gi' },
] as const;

/** A quota with what is used of it, and its limits to change. */
export function QuotaEditor({ owner }: { owner: QuotaOwner }) {
  const quota = useQuota(owner);
  return (
    <Stack gap="xl">
      <QuotaUsage owner={owner} />
      {quota.isPending && <Skeleton h={180} radius="md" />}
      {/* A form of its own for every state of the server, so that it never shows old limits. */}
      {quota.data && <Limits key={JSON.stringify(quotaTexts(quota.data))} owner={owner} quota={quota.data} />}
    </Stack>
  );
}

function Limits({ owner, quota }: { owner: QuotaOwner; quota: Quota }) {
  const save = useChange(async (limits: ReturnType<typeof quotaLimits>) => {
    if (hasLimits(limits)) await setQuota(owner, limits);
    else await clearQuota(owner);
  }, [keys.quotas]);
  const fields = useFields(quotaTexts(quota), save.error);

  function submit() {
    if (fields.refuse(quotaProblems(fields.values))) return;
    const limits = quotaLimits(fields.values);
    save.mutate(limits, { onSuccess: () => notify(hasLimits(limits) ? 'Quota saved' : 'Quota removed') });
  }

  return (
    <Form onSubmit={submit} fields={fields} label="Limits">
      <Text fz="sm" c="dimmed">
        {owner.kind === 'group'
          ? 'Bounds what all members use together. An empty field means no limit.'
          : 'An empty field means no limit of the user’s own; limits of groups hold as well.'}{' '}
        What runs already goes on when a limit is lowered.
      </Text>
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        {INPUTS.map(({ field, label, placeholder, hint }) => (
          <TextInput key={field} label={label} description={hint} placeholder={placeholder} autoComplete="off" {...fields.text(field)} data-testid={`quota-${field}`} />
        ))}
      </SimpleGrid>
      <Group justify="flex-end">
        <Button variant="default" disabled={!fields.changed} onClick={() => fields.reset()}>
          Discard
        </Button>
        <Button type="submit" disabled={!fields.changed} loading={save.isPending} data-testid="quota-save">
          Save limits
        </Button>
      </Group>
    </Form>
  );
}
