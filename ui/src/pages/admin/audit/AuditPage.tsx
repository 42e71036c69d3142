import { Badge, Button, Collapse, Group, Menu, Select, SimpleGrid, TextInput } from '@mantine/core';
import { useDebouncedCallback, useDisclosure } from '@mantine/hooks';
import { IconChevronDown, IconDownload, IconFilter, IconHistory } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { auditExportUrl, type AuditEntry, type AuditFilter } from '@/api/operation';
import { Elapsed } from '@/components/Elapsed';
import { EmptyState } from '@/components/EmptyState';
import { LoadError } from '@/components/LoadError';
import { PageHeader } from '@/components/PageHeader';
import { NothingFits, RowsLoading, ShowMore } from '@/components/data/List';
import { SearchInput } from '@/components/data/SearchInput';
import table from '@/components/data/Table.module.css';
import { useAudit } from '@/hooks/operation';
import { flatten } from '@/hooks/queries';
import { useFilters } from '@/hooks/useFilters';
import { useOpened } from '@/hooks/useOpened';
import { actionWords, fromLocal, outcomeColor, OUTCOMES, toLocal } from '@/lib/audit';
import { AuditDrawer } from './AuditDrawer';

const NAMES = ['search', 'user', 'action', 'target', 'outcome', 'from', 'to'] as const;

export function AuditPage() {
  const filters = useFilters(NAMES);
  const audit = useAudit(filters.values);
  const list = flatten(audit.data);
  const total = audit.data?.pages[0]?.total;
  const opened = useOpened();
  const index = list.findIndex((entry) => String(entry.id) === opened.name);
  return (
    <>
      <PageHeader title="Audit log" text="Every change and every refused attempt: who, what, from where.">
        <Export filter={filters.values} />
      </PageHeader>
      <Filters filters={filters} />
      {audit.isPending ? (
        <RowsLoading what="the audit log" rows={8} height={50} />
      ) : audit.isError ? (
        <LoadError error={audit.error} onRetry={() => void audit.refetch()} what="The audit log" />
      ) : list.length === 0 ? (
        filters.any ? (
          <NothingFits what="entry" onClear={filters.clear} />
        ) : (
          <EmptyState icon={IconHistory} title="Nothing yet" text="What people change is written down here." />
        )
      ) : (
        <AuditTable list={list} current={opened.name} onOpen={opened.open} total={total} />
      )}
      <ShowMore query={audit} />
      <AuditDrawer
        entry={list[index]}
        opened={opened.name !== undefined && index >= 0}
        onClose={opened.close}
        newer={index > 0 ? () => opened.replace(String(list[index - 1]?.id)) : undefined}
        older={index >= 0 && index < list.length - 1 ? () => opened.replace(String(list[index + 1]?.id)) : undefined}
        onFilter={(key, value) => {
          opened.close();
          filters.set(key, value);
        }}
      />
    </>
  );
}

function Export({ filter }: { filter: AuditFilter }) {
  return (
    <Menu position="bottom-end" width={230}>
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={17} aria-hidden />} rightSection={<IconChevronDown size={15} aria-hidden />} data-testid="audit-export">
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>What the filters let through</Menu.Label>
        <Menu.Item component="a" href={auditExportUrl(filter, 'csv')} download="audit.csv" data-testid="audit-csv">
          CSV, for spreadsheets
        </Menu.Item>
        <Menu.Item component="a" href={auditExportUrl(filter, 'json')} download="audit.json" data-testid="audit-json">
          JSON, for programs
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Filters({ filters }: { filters: ReturnType<typeof useFilters<(typeof NAMES)[number]>> }) {
  const { values, set, clear, any } = filters;
  const finer = NAMES.filter((name) => name !== 'search' && name !== 'outcome');
  const used = finer.filter((name) => values[name]).length;
  const [open, { toggle }] = useDisclosure(used > 0);
  return (
    <>
      <Group mb="sm" gap="sm">
        <SearchInput what="the log" hotkey value={values.search ?? ''} onChange={(text) => set('search', text)} style={{ flex: '1 1 220px', maxWidth: 380 }} data-testid="audit-search" />
        <Select
          aria-label="Outcome"
          placeholder="Any outcome"
          clearable
          style={{ flex: '1 1 150px', maxWidth: 170 }}
          data={OUTCOMES.map((outcome) => ({ value: outcome, label: outcome.charAt(0).toUpperCase() + outcome.slice(1) }))}
          value={values.outcome ?? null}
          onChange={(value) => set('outcome', value)}
          clearButtonProps={{ 'aria-label': 'Any outcome' }}
          data-testid="audit-outcome"
        />
        <Button variant="default" leftSection={<IconFilter size={16} aria-hidden />} onClick={toggle} aria-expanded={open} data-testid="audit-filters">
          Filters{used > 0 ? ` (${used})` : ''}
        </Button>
        {any && (
          <Button variant="subtle" onClick={clear} c="var(--ss-accent-text)">
            Clear
          </Button>
        )}
      </Group>
      <Collapse in={open}>
        <SimpleGrid cols={{ base: 1, xs: 2, md: 5 }} spacing="sm" mb="md" pt={4}>
          <FilterText label="User" value={values.user} onChange={(text) => set('user', text)} />
          <FilterText label="Action" placeholder="user.create" value={values.action} onChange={(text) => set('action', text)} />
          <FilterText label="Target" value={values.target} onChange={(text) => set('target', text)} />
          <TextInput type="datetime-local" label="From" value={toLocal(values.from)} onChange={(event) => set('from', fromLocal(event.currentTarget.value))} />
          <TextInput type="datetime-local" label="Until" value={toLocal(values.to)} onChange={(event) => set('to', fromLocal(event.currentTarget.value))} />
        </SimpleGrid>
      </Collapse>
    </>
  );
}

interface FilterTextProps {
  label: string;
  placeholder?: string;
  value: string | undefined;
  onChange: (text: string) => void;
}

/** How long the typing has to pause. */
const PAUSE_MS = 400;

function FilterText({ label, placeholder = 'Any', value = '', onChange }: FilterTextProps) {
  const [text, setText] = useState(value);
  const tell = useDebouncedCallback((next: string) => onChange(next.trim()), PAUSE_MS);
  useEffect(() => setText(value), [value]);
  return (
    <TextInput
      label={label}
      placeholder={placeholder}
      autoComplete="off"
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        tell(event.currentTarget.value);
      }}
    />
  );
}

interface TableProps {
  list: AuditEntry[];
  current: string | undefined;
  onOpen: (id: string) => void;
  total: number | undefined;
}

function AuditTable({ list, current, onOpen, total }: TableProps) {
  return (
    <div className={table.frame}>
      <table className={table.table} aria-label={total === undefined ? 'Audit log' : `Audit log, ${total} entries`}>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col" className={table.wide}>
              Who
            </th>
            <th scope="col" className={table.roomy}>
              From
            </th>
            <th scope="col" className={table.wide}>
              When
            </th>
            <th scope="col" className={table.end}>
              Outcome
            </th>
          </tr>
        </thead>
        <tbody>
          {list.map((entry) => (
            <tr key={entry.id} data-opens data-open={String(entry.id) === current || undefined} onClick={() => onOpen(String(entry.id))} data-testid="audit-entry" data-action={entry.action}>
              <td>
                <div className={table.names}>
                  <button type="button" className={table.open}>
                    {actionWords(entry.action)}
                  </button>
                  <span className={table.sub}>{entry.target ?? ''}</span>
                  <span className={`${table.sub} ${table.narrow}`}>
                    {entry.user ?? 'nobody'} · <Elapsed since={entry.time} ago />
                  </span>
                </div>
              </td>
              <td className={table.wide}>{entry.user ?? <span className={table.quiet}>nobody</span>}</td>
              <td className={`${table.roomy} ${table.quiet} tabular`}>{entry.address ?? '–'}</td>
              <td className={`${table.wide} ${table.quiet} ${table.nowrap}`}>
                <Elapsed since={entry.time} ago />
              </td>
              <td className={table.end}>
                <Badge color={outcomeColor[entry.outcome] ?? 'gray'} tt="capitalize">
                  {entry.outcome}
                </Badge>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
