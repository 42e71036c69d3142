import { Button, Group as Row, MultiSelect, Select, SimpleGrid, Stack, Switch, TagsInput, Text, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { createTemplate, putTemplate, type FullTemplate, type TemplateBody } from '@/api/templates';
import { keys } from '@/api/keys';
import { Form } from '@/components/form/Form';
import { ICON_WORDS } from '@/components/icons/templateIcons';
import { useGroups } from '@/hooks/people';
import { isAdmin, useTemplates, useUser } from '@/hooks/queries';
import { useChange } from '@/hooks/useChange';
import { useFields } from '@/hooks/useFields';
import { notify } from '@/lib/notify';
import { bodyOf, listsOf, valuesOf, type TemplateLists } from '@/lib/templateForm';
import { categoriesOf } from '@/lib/templates';
import { TemplatePreview } from './TemplatePreview';

interface Props {
  /** NULL: a new one. */
  template?: FullTemplate;
  onSaved: (name: string) => void;
}

const RUNTIMES = ['local', 'docker', 'kubernetes'];

export function TemplateForm({ template: given, onSaved }: Props) {
  // What the edit began from: the server refuses it when others have changed the template since.
  const [template, setTemplate] = useState(given);
  const save = useChange(
    (body: TemplateBody) => (template ? putTemplate(template.name, body) : createTemplate(body)),
    [keys.templates],
  );
  const fields = useFields(valuesOf(template), save.error);
  const [lists, setLists] = useState(() => listsOf(template));
  const change = (part: Partial<TemplateLists>) => setLists((old) => ({ ...old, ...part }));
  const known = useTemplates().data ?? [];
  const groups = useGroups(undefined, isAdmin(useUser())).data?.items.map((group) => group.name) ?? [];
  const { values } = fields;

  function submit() {
    if (fields.refuse({ name: values.name.trim() ? undefined : 'Choose a name', displayName: values.displayName.trim() ? undefined : 'Say what it is called' })) return;
    save.mutate(bodyOf(values, lists, template), {
      onSuccess(saved) {
        if (template) setTemplate(saved);
        notify(template ? 'Template saved' : 'Template created', saved.displayName);
        onSaved(saved.name);
      },
    });
  }

  return (
    <Form onSubmit={submit} fields={fields} label={template ? `Template ${template.name}` : 'New template'}>
      <TemplatePreview template={{ ...bodyOf(values, lists, template), name: values.name, protocol: template?.protocol ?? 'vnc' }} />
      {!template && (
        <TextInput label="Name" description="Lower-case letters, digits and dashes; it stays as it is" data-autofocus autoComplete="off" spellCheck={false} {...fields.text('name')} data-testid="template-name" />
      )}
      <TextInput label="Shown as" autoComplete="off" {...fields.text('displayName')} data-testid="template-display-name" />
      <Textarea label="Description" autosize minRows={2} maxRows={6} {...fields.text('description')} />
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <TextInput label="Category" list="template-categories" autoComplete="off" {...fields.text('category')} />
        <Select label="Icon" searchable clearable data={iconChoices(values.icon)} value={values.icon || null} onChange={(icon) => fields.set({ icon: icon ?? '' })} error={fields.errorOf('icon')} />
      </SimpleGrid>
      <datalist id="template-categories">
        {categoriesOf(known).map((category) => (
          <option key={category} value={category} />
        ))}
      </datalist>
      <Textarea label="Command" description="For agents of the runtime local" autosize minRows={1} maxRows={5} spellCheck={false} {...fields.text('command')} data-testid="template-command" />
      <TextInput label="Image" description="For agents with containers" autoComplete="off" spellCheck={false} {...fields.text('image')} />
      <TagsInput label="Debian packages" description="That bring its programs" value={lists.packages} onChange={(packages) => change({ packages })} />
      <Textarea label="Environment" description="A line for each variable: NAME=value" autosize minRows={1} maxRows={8} spellCheck={false} {...fields.text('env')} />
      <Resources fields={fields} />
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <TextInput label="Idle timeout" placeholder="30m" {...fields.text('idleTimeout')} />
        <TextInput label="Longest session" placeholder="8h" {...fields.text('maxSessionDuration')} />
        <Select label="Network" allowDeselect={false} data={[{ value: 'none', label: 'None' }, { value: 'outbound', label: 'Outbound' }]} value={values.network} onChange={(network) => fields.set({ network: network ?? 'none' })} />
        <MultiSelect label="Runtimes" placeholder={lists.runtimes.length ? undefined : 'Any'} data={RUNTIMES} value={lists.runtimes} onChange={(runtimes) => change({ runtimes })} />
      </SimpleGrid>
      <TagsInput label="Tags" value={lists.tags} onChange={(tags) => change({ tags })} />
      <TagsInput
        label="Only for groups"
        description="None: everybody may use it"
        data={groups}
        value={lists.groups}
        onChange={(next) => change({ groups: next })}
        error={fields.errorOf('groups')}
        data-testid="template-groups"
      />
      <Switch label="People can start it" checked={lists.enabled} onChange={(event) => change({ enabled: event.currentTarget.checked })} data-testid="template-enabled" />
      <Row justify="flex-end">
        <Button type="submit" loading={save.isPending} data-testid="template-save">
          {template ? 'Save' : 'Create template'}
        </Button>
      </Row>
    </Form>
  );
}

/** A link that came with a file stays possible. */
const iconChoices = (present: string) => (present && !ICON_WORDS.includes(present) ? [present, ...ICON_WORDS] : [...ICON_WORDS]);

function Resources({ fields }: { fields: ReturnType<typeof useFields<ReturnType<typeof valuesOf>>> }) {
  const rows = [
    ['resources', 'What sessions get', '500m', '512Mi'],
    ['minResources', 'The least that may be asked for', '', ''],
    ['maxResources', 'The most that may be asked for', '', ''],
  ] as const;
  return (
    <Stack gap="xs">
      {rows.map(([kind, text, cpu, memory]) => (
        <div key={kind} role="group" aria-label={text}>
          <Text fz="sm" fw={550} mb={4}>
            {text}
          </Text>
          <SimpleGrid cols={2}>
            <TextInput aria-label={`CPU: ${text}`} placeholder={cpu || 'CPU'} leftSection={<Unit text="CPU" />} leftSectionWidth={58} {...fields.text(`${kind}.cpu`)} />
            <TextInput aria-label={`Memory: ${text}`} placeholder={memory || 'Memory'} leftSection={<Unit text="RAM" />} leftSectionWidth={58} {...fields.text(`${kind}.memory`)} />
          </SimpleGrid>
        </div>
      ))}
    </Stack>
  );
}

const Unit = ({ text }: { text: string }) => (
  <Text fz="xs" c="dimmed">
    {text}
  </Text>
);
