import { Button, SimpleGrid, Skeleton, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconApps, IconSearchOff } from '@tabler/icons-react';
import { useEffect, useMemo, useState } from 'react';
import { EmptyState } from '@/components/EmptyState';
import { LoadError } from '@/components/LoadError';
import { PageHeader } from '@/components/PageHeader';
import type { Session, Template } from '@/api/types';
import { flatten, useMySessions, useTemplates, useUser } from '@/hooks/queries';
import { useLaunch } from '@/hooks/useLaunch';
import { isOpenable } from '@/lib/sessions';
import { ALL, categoriesOf, filterTemplates, offered } from '@/lib/templates';
import { preloadViewer } from '@/viewer/preload';
import { CatalogueFilter } from './CatalogueFilter';
import { JumpBackIn } from './JumpBackIn';
import { LaunchDrawer } from './LaunchDrawer';
import { TemplateCard } from './TemplateCard';

export function AppsPage() {
  const user = useUser();
  const templates = useTemplates();
  const sessions = flatten(useMySessions().data).filter((session) => isOpenable(session.state));
  useIdlePreload();
  const first = (user.fullName || user.username).split(' ')[0];
  return (
    <>
      <PageHeader title="Applications" text={`Hello ${first}. What would you like to open?`} />
      <JumpBackIn sessions={sessions} templates={templates.data ?? []} />
      {templates.isPending ? (
        <CatalogueSkeleton />
      ) : templates.isError ? (
        <LoadError error={templates.error} onRetry={() => void templates.refetch()} what="The catalogue" />
      ) : (
        <Catalogue templates={offered(templates.data)} sessions={sessions} />
      )}
    </>
  );
}

function Catalogue({ templates, sessions }: { templates: Template[]; sessions: Session[] }) {
  const [search, setSearch] = useState('');
  const [category, setCategory] = useState(ALL);
  const [options, setOptions] = useState<Template>();
  const { launch, launching } = useLaunch();
  const shown = useMemo(() => filterTemplates(templates, search, category), [templates, search, category]);
  const [spoken] = useDebouncedValue(shown.length, 600);

  if (templates.length === 0) {
    return <EmptyState icon={IconApps} title="No applications yet" text="An administrator can add templates to the catalogue." />;
  }
  return (
    <>
      <CatalogueFilter
        search={search}
        onSearch={setSearch}
        category={category}
        onCategory={setCategory}
        categories={categoriesOf(templates)}
      />
      <Text role="status" className="mantine-visually-hidden" style={{ position: 'absolute', clipPath: 'inset(50%)' }}>
        {search ? `${spoken} applications found` : ''}
      </Text>
      {shown.length === 0 ? (
        <EmptyState icon={IconSearchOff} title="Nothing found" text={`No application matches “${search}”.`}>
          <Button
            variant="default"
            mt="sm"
            onClick={() => {
              setSearch('');
              setCategory(ALL);
            }}
          >
            Show all applications
          </Button>
        </EmptyState>
      ) : (
        <SimpleGrid cols={{ base: 1, xs: 2, md: 3, xl: 4 }} spacing="md" component="ul" p={0} m={0} style={{ listStyle: 'none' }}>
          {shown.map((template) => (
            <TemplateCard
              key={template.name}
              template={template}
              running={sessions.filter((session) => session.template === template.name).length}
              launching={launching === template.name}
              onLaunch={() => launch({ template: template.name })}
              onOptions={() => setOptions(template)}
            />
          ))}
        </SimpleGrid>
      )}
      <LaunchDrawer template={options} onClose={() => setOptions(undefined)} />
    </>
  );
}

function CatalogueSkeleton() {
  return (
    <Stack aria-busy aria-label="Loading the catalogue" role="status">
      <Skeleton h={42} radius="md" />
      <SimpleGrid cols={{ base: 1, xs: 2, md: 3, xl: 4 }} spacing="md">
        {Array.from({ length: 8 }, (_, i) => (
          <Skeleton key={i} h={172} radius="lg" />
        ))}
      </SimpleGrid>
    </Stack>
  );
}

/** Who looks at the catalogue will want the viewer next. */
function useIdlePreload() {
  useEffect(() => {
    const timer = setTimeout(preloadViewer, 1_500);
    return () => clearTimeout(timer);
  }, []);
}
