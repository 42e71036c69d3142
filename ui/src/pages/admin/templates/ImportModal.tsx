import { Badge, Button, FileButton, Group as Row, Modal, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconFileUpload } from '@tabler/icons-react';
import { useState } from 'react';
import { keys } from '@/api/keys';
import { importTemplates } from '@/api/templates';
import { LazyYamlEditor } from '@/components/yaml/LazyYamlEditor';
import { faultsOf, YamlProblems } from '@/components/yaml/YamlProblems';
import { useFileCheck } from '@/hooks/templates';
import { useChange } from '@/hooks/useChange';
import { notify } from '@/lib/notify';

interface Props {
  opened: boolean;
  /** What was dropped, or nothing. */
  text: string;
  onClose: () => void;
}

const CHECK_PAUSE_MS = 500;

/** Several files are several documents. */
export async function textOf(files: Iterable<File>): Promise<string> {
  const texts = await Promise.all([...files].map((file) => file.text()));
  return texts.join('\n---\n');
}

/** Shows what a file would do before it does it. */
export function ImportModal({ opened, text: given, onClose }: Props) {
  const [text, setText] = useState(given);
  const [settled] = useDebouncedValue(text, CHECK_PAUSE_MS);
  const check = useFileCheck(settled);
  const save = useChange((content: string) => importTemplates(content, false), [keys.templates]);
  const isCurrent = settled === text;
  const error = save.error ?? (isCurrent ? check.error : undefined);
  const actions = isCurrent && !check.isError ? (check.data ?? []) : [];
  const count = actions.length;

  return (
    <Modal opened={opened} onClose={onClose} size={820} title={<Text fw={650}>Import templates</Text>}>
      <Stack gap="md">
        <Row justify="space-between">
          <Text fz="sm" c="dimmed">
            Files of kind: Template; several documents are taken together or not at all.
          </Text>
          <FileButton accept=".yaml,.yml,application/yaml,text/yaml" multiple onChange={(files) => void textOf(files).then(setText)}>
            {(props) => (
              <Button {...props} variant="default" size="xs" leftSection={<IconFileUpload size={15} aria-hidden />}>
                Choose files
              </Button>
            )}
          </FileButton>
        </Row>
        <div
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            event.preventDefault();
            event.stopPropagation();
            void textOf(event.dataTransfer.files).then((dropped) => dropped && setText(dropped));
          }}
        >
          <LazyYamlEditor
            value={text}
            onChange={(next) => {
              setText(next);
              save.reset();
            }}
            label="Files to import"
            faults={faultsOf(error)}
            minHeight={260}
          />
        </div>
        <YamlProblems error={error} />
        {count > 0 && (
          <Row gap="xs" role="status" data-testid="import-actions">
            {actions.map((entry) => (
              <Badge key={entry.name} variant="light" color={entry.action === 'created' ? 'green' : entry.action === 'updated' ? 'blue' : 'gray'} tt="none">
                {entry.name}: {entry.action}
              </Badge>
            ))}
          </Row>
        )}
        <Row justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            disabled={count === 0}
            loading={save.isPending}
            data-testid="import-save"
            onClick={() =>
              save.mutate(text, {
                onSuccess(done) {
                  notify('Imported', `${done.length} template${done.length === 1 ? '' : 's'}`);
                  onClose();
                },
              })
            }
          >
            Import{count > 0 ? ` ${count}` : ''}
          </Button>
        </Row>
      </Stack>
    </Modal>
  );
}
