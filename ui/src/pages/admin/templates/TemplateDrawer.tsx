import { Alert, Button, Drawer, Group as Row, Skeleton, Stack, Tabs, Text } from '@mantine/core';
import { IconDownload, IconRestore, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { keys } from '@/api/keys';
import { deleteTemplate, putTemplateFile, type FullTemplate } from '@/api/templates';
import { ConfirmModal } from '@/components/ConfirmModal';
import { LoadError } from '@/components/LoadError';
import { Section } from '@/components/Panel';
import { TemplateIcon } from '@/components/icons/TemplateIcon';
import { LazyYamlEditor } from '@/components/yaml/LazyYamlEditor';
import { faultsOf, YamlProblems } from '@/components/yaml/YamlProblems';
import { useTemplate, useTemplateFile } from '@/hooks/templates';
import { useChange } from '@/hooks/useChange';
import { useDialog } from '@/hooks/useDialog';
import { notify } from '@/lib/notify';
import { TemplateForm } from './TemplateForm';
import { TemplateState } from './TemplatesPage';

interface Props {
  name: string | undefined;
  opened: boolean;
  onClose: () => void;
}

export function TemplateDrawer({ name, opened, onClose }: Props) {
  return (
    <Drawer opened={opened} onClose={onClose} size={680} title={name && <Heading name={name} />}>
      {name && <Body key={name} name={name} onGone={onClose} />}
    </Drawer>
  );
}

function Heading({ name }: { name: string }) {
  const { data } = useTemplate(name);
  return (
    <Row gap="sm" wrap="nowrap">
      <TemplateIcon icon={data?.icon} name={name} category={data?.category} size={38} />
      <div>
        <Text fw={650} lh={1.3}>
          {data?.displayName ?? name}
        </Text>
        <Text fz="sm" c="dimmed">
          {name}
        </Text>
      </div>
    </Row>
  );
}

function Body({ name, onGone }: { name: string; onGone: () => void }) {
  const template = useTemplate(name);
  if (template.isPending) return <Skeleton h={420} mt="sm" />;
  if (template.isError) return <LoadError error={template.error} onRetry={() => void template.refetch()} what="This template" />;
  const data = template.data;
  return (
    <Tabs defaultValue="form" keepMounted={false}>
      <Tabs.List mb="lg">
        <Tabs.Tab value="form">Form</Tabs.Tab>
        <Tabs.Tab value="yaml" data-testid="tab-yaml">
          YAML
        </Tabs.Tab>
        <Tabs.Tab value="state" data-testid="tab-state">
          State
        </Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="form">
        <TemplateForm template={data} onSaved={() => {}} />
      </Tabs.Panel>
      <Tabs.Panel value="yaml">
        <FileEditor name={name} />
      </Tabs.Panel>
      <Tabs.Panel value="state">
        <State template={data} onGone={onGone} />
      </Tabs.Panel>
    </Tabs>
  );
}

function FileEditor({ name }: { name: string }) {
  const file = useTemplateFile(name);
  if (file.isPending) return <Skeleton h={360} />;
  if (file.isError) return <LoadError error={file.error} onRetry={() => void file.refetch()} what="The file" />;
  return <FileText name={name} before={file.data} />;
}

function FileText({ name, before }: { name: string; before: string }) {
  const [text, setText] = useState(before);
  const [saved, setSaved] = useState(before);
  const save = useChange((content: string) => putTemplateFile(name, content), [keys.template(name), keys.templates]);
  return (
    <Stack gap="md">
      <LazyYamlEditor
        value={text}
        onChange={(next) => {
          setText(next);
          if (save.error) save.reset();
        }}
        label={`File of ${name}`}
        faults={faultsOf(save.error)}
        minHeight={380}
      />
      <YamlProblems error={save.error} />
      <Row justify="space-between">
        <Button variant="default" component="a" href={`/api/v1/templates/${encodeURIComponent(name)}?format=yaml`} download={`${name}.yaml`} leftSection={<IconDownload size={16} aria-hidden />}>
          Download
        </Button>
        <Button
          disabled={text === saved}
          loading={save.isPending}
          data-testid="yaml-save"
          onClick={() =>
            save.mutate(text, {
              onSuccess(template) {
                setSaved(text);
                notify('Template saved', template.displayName);
              },
            })
          }
        >
          Save
        </Button>
      </Row>
    </Stack>
  );
}

function State({ template, onGone }: { template: FullTemplate; onGone: () => void }) {
  const asking = useDialog<true>();
  const remove = useChange(() => deleteTemplate(template.name), [keys.templates]);
  const resets = template.builtin === true || template.overridden === true;
  const untouched = template.builtin === true && template.enabled !== false && !template.groups?.length;
  return (
    <Stack gap="lg">
      <TemplateState template={template} />
      <Section title="Machines" text="Which of the agents that are there can run it.">
        {template.agents?.length ? (
          <Stack gap={6}>
            {template.agents.map((agent) => (
              <Text key={agent.agentId} fz="sm">
                <b>{agent.agentId}</b>: {agent.available ? 'can run it' : (agent.reason ?? 'cannot run it')}
              </Text>
            ))}
          </Stack>
        ) : (
          <Text fz="sm" c="dimmed">
            No agent is online.
          </Text>
        )}
      </Section>
      {untouched ? (
        <Alert color="gray">It came with StreamSpace and is as it was delivered. Switch it off in the form to take it from the catalogue.</Alert>
      ) : (
        <Row>
          <Button color="red" variant="light" leftSection={resets ? <IconRestore size={16} aria-hidden /> : <IconTrash size={16} aria-hidden />} onClick={() => asking.open(true)} data-testid="template-remove">
            {resets ? 'Reset to what was delivered' : 'Delete template'}
          </Button>
        </Row>
      )}
      <ConfirmModal
        opened={asking.opened}
        onClose={asking.close}
        title={resets ? 'Reset this template?' : 'Delete this template?'}
        confirm={resets ? 'Reset' : 'Delete'}
        pending={remove.isPending}
        error={remove.error}
        onConfirm={() =>
          remove.mutate(undefined, {
            onSuccess() {
              asking.close();
              notify(resets ? 'Template reset' : 'Template deleted', template.displayName);
              if (!resets) onGone();
            },
          })
        }
      >
        {resets ? 'Your changes to it are lost. Sessions that run stay as they are.' : 'Nobody can start it any more. Its name is free again.'}
      </ConfirmModal>
    </Stack>
  );
}
