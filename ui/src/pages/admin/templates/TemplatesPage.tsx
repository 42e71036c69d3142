import { Badge, Button, Group as Row, Select } from '@mantine/core';
import { IconFileImport, IconPlus, IconTemplate } from '@tabler/icons-react';
import { useMemo, type DragEvent } from 'react';
import type { Template } from '@/api/types';
import { EmptyState } from '@/components/EmptyState';
import { LoadError } from '@/components/LoadError';
import { PageHeader } from '@/components/PageHeader';
import { NothingFits, RowsLoading } from '@/components/data/List';
import { SearchInput } from '@/components/data/SearchInput';
import table from '@/components/data/Table.module.css';
import { TemplateIcon } from '@/components/icons/TemplateIcon';
import { useTemplates } from '@/hooks/queries';
import { useDialog } from '@/hooks/useDialog';
import { useFilters } from '@/hooks/useFilters';
import { useOpened } from '@/hooks/useOpened';
import { ALL, categoriesOf, filterTemplates } from '@/lib/templates';
import { ImportModal, textOf } from './ImportModal';
import { NewTemplateModal } from './NewTemplateModal';
import { TemplateDrawer } from './TemplateDrawer';

export function TemplatesPage() {
  const filters = useFilters(['search', 'category'] as const);
  const templates = useTemplates();
  const opened = useOpened();
  const creating = useDialog<true>();
  const importing = useDialog<string>();
    const all = useMemo(() => templates.data ?? [], [templates.data]);
  const shown = useMemo(
    () => filterTemplates(all, filters.values.search ?? '', filters.values.category ?? ALL),
    [all, filters.values.search, filters.values.category],
  );
  return (
    <div {...dropTarget(importing.open)}>
      <PageHeader title="Templates" text="What people can start. Drop a file here to import it.">
        <Row gap="sm">
          <Button variant="default" leftSection={<IconFileImport size={17} aria-hidden />} onClick={() => importing.open('')} data-testid="import-templates">
            Import
          </Button>
          <Button leftSection={<IconPlus size={17} aria-hidden />} onClick={() => creating.open(true)} data-testid="new-template">
            New template
          </Button>
        </Row>
      </PageHeader>
      <Row mb="md" gap="sm">
        <SearchInput what="templates" hotkey value={filters.values.search ?? ''} onChange={(text) => filters.set('search', text)} style={{ flex: '1 1 240px', maxWidth: 380 }} />
        <Select aria-label="Category" placeholder="Every category" clearable data={categoriesOf(all)} value={filters.values.category ?? null} onChange={(value) => filters.set('category', value)} />
      </Row>
      {templates.isPending ? (
        <RowsLoading what="templates" />
      ) : templates.isError ? (
        <LoadError error={templates.error} onRetry={() => void templates.refetch()} what="The templates" />
      ) : all.length === 0 ? (
        <EmptyState icon={IconTemplate} title="No templates" text="Make one, or import a file." />
      ) : shown.length === 0 ? (
        <NothingFits what="template" onClear={filters.clear} />
      ) : (
        <TemplateTable templates={shown} current={opened.name} onOpen={opened.open} />
      )}
      <NewTemplateModal key={`new-${creating.count}`} opened={creating.opened} onClose={creating.close} onMade={opened.open} />
      <ImportModal key={`import-${importing.count}`} opened={importing.opened} text={importing.value ?? ''} onClose={importing.close} />
      <TemplateDrawer name={opened.shown} opened={opened.name !== undefined} onClose={opened.close} />
    </div>
  );
}

/** Files dropped anywhere on the page are opened for import. */
function dropTarget(open: (text: string) => void) {
  return {
    onDragOver: (event: DragEvent) => event.preventDefault(),
    onDrop: (event: DragEvent) => {
      event.preventDefault();
      void textOf(event.dataTransfer.files).then((text) => text && open(text));
    },
  };
}

interface TableProps {
  templates: Template[];
  current: string | undefined;
  onOpen: (name: string) => void;
}

function TemplateTable({ templates, current, onOpen }: TableProps) {
  return (
    <div className={table.frame}>
      <table className={table.table}>
        <thead>
          <tr>
            <th scope="col">Template</th>
            <th scope="col" className={table.wide}>
              Category
            </th>
            <th scope="col" className={table.wide}>
              Runs on
            </th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {templates.map((template) => (
            <tr
              key={template.name}
              data-opens
              data-open={template.name === current || undefined}
              onClick={() => onOpen(template.name)}
              data-testid={`row-${template.name}`}
            >
              <td>
                <div className={table.main}>
                  <TemplateIcon icon={template.icon} name={template.name} category={template.category} size={36} />
                  <div className={table.names}>
                    <button type="button" className={table.open}>
                      {template.displayName}
                    </button>
                    <span className={table.sub}>{template.name}</span>
                  </div>
                </div>
              </td>
              <td className={`${table.wide} ${table.quiet}`}>{template.category || '–'}</td>
              <td className={`${table.wide} ${table.quiet}`}>{template.runtimes?.join(', ') || 'any'}</td>
              <td>
                <TemplateState template={template} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

type StateOf = Pick<Template, 'enabled' | 'available' | 'unavailableReason' | 'builtin' | 'overridden'>;

export function TemplateState({ template }: { template: StateOf }) {
  return (
    <Row gap={6}>
      {template.enabled === false ? (
        <Badge color="gray" variant="light">
          Off
        </Badge>
      ) : template.available === false ? (
        <Badge color="yellow" variant="light" title={template.unavailableReason ?? undefined}>
          Not available
        </Badge>
      ) : (
        <Badge color="green" variant="light">
          Ready
        </Badge>
      )}
      {template.overridden && <Badge variant="outline">Changed</Badge>}
      {!template.builtin && !template.overridden && <Badge variant="outline">Own</Badge>}
    </Row>
  );
}
