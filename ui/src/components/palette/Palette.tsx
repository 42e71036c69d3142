import { createSpotlight, Spotlight, type SpotlightActionGroupData } from '@mantine/spotlight';
import { IconCode, IconSearch } from '@tabler/icons-react';
import { useEffect } from 'react';
import { useNavigate } from 'react-router-dom';
import { TemplateIcon } from '@/components/icons/TemplateIcon';
import { API_DOCS, navFor } from '@/components/shell/nav';
import { flatten, useMySessions, useTemplates, useUser } from '@/hooks/queries';
import { useLaunch } from '@/hooks/useLaunch';
import { isOpenable, shortId, stateLabel } from '@/lib/sessions';
import { templateLabel } from '@/lib/templates';

const [store, palette] = createSpotlight();

/** Launches applications and jumps to sessions and pages by their names. */
export function Palette({ wanted }: { wanted: number }) {
  useEffect(() => palette.open(), [wanted]);
  return (
    <Spotlight
      store={store}
      title="Search"
      className="ss-palette"
      shortcut={null}
      actions={usePaletteActions()}
      highlightQuery
      scrollable
      maxHeight={420}
      nothingFound="Nothing of that name"
      searchProps={{ leftSection: <IconSearch size={18} />, placeholder: 'Launch an application, open a session…', 'aria-label': 'Search' }}
    />
  );
}

function usePaletteActions(): SpotlightActionGroupData[] {
  const navigate = useNavigate();
  const { launch } = useLaunch();
  const { data: templates = [] } = useTemplates();
  const sessions = flatten(useMySessions().data).filter((session) => isOpenable(session.state));
  const user = useUser();
  const byName = new Map(templates.map((template) => [template.name, template]));
  return [
    {
      group: 'Sessions',
      actions: sessions.map((session) => {
        const template = byName.get(session.template);
        return {
          id: `session:${session.name}`,
          label: templateLabel(template, session.template),
          description: `${stateLabel[session.state]} · ${shortId(session)}`,
          keywords: [session.name, ...(session.tags ?? [])],
          leftSection: <TemplateIcon icon={template?.icon} name={session.template} category={template?.category} size={32} />,
          onClick: () => navigate(`/sessions/${session.name}`),
        };
      }),
    },
    {
      group: 'Launch',
      actions: templates
        .filter((template) => template.available !== false)
        .map((template) => ({
          id: `launch:${template.name}`,
          label: template.displayName,
          description: template.description ?? undefined,
          keywords: [template.name, ...(template.tags ?? [])],
          leftSection: <TemplateIcon icon={template.icon} name={template.name} category={template.category} size={32} />,
          onClick: () => launch({ template: template.name }),
        })),
    },
    {
      group: 'Go to',
      actions: [
        ...navFor(user.role).map(({ to, label, keywords, icon: Glyph }) => ({
          id: `page:${to}`,
          label,
          keywords,
          leftSection: <Glyph size={20} stroke={1.7} style={{ margin: 6 }} />,
          onClick: () => navigate(to),
        })),
        {
          id: 'page:api-docs',
          label: 'API documentation',
          keywords: ['rest', 'openapi', 'programs', 'curl', 'help'],
          leftSection: <IconCode size={20} stroke={1.7} style={{ margin: 6 }} />,
          onClick: () => window.location.assign(API_DOCS),
        },
      ],
    },
  ].filter((group) => group.actions.length > 0);
}
