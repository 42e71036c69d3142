import { Alert, Button, Drawer, Group, Slider, Stack, Switch, TagsInput, Text } from '@mantine/core';
import { IconAlertCircle, IconPlayerPlayFilled } from '@tabler/icons-react';
import { useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { ApiError, errorText } from '@/api/http';
import type { CreateSession, Template } from '@/api/types';
import { TemplateIcon } from '@/components/icons/TemplateIcon';
import { useCreateSession } from '@/hooks/queries';
import { withReasons } from '@/hooks/useLaunch';
import { cpuQuantity, formatCpu, formatMemory, memoryQuantity, parseQuantity } from '@/lib/quantity';

const MIB = 2 ** 20;
const CPU_STEPS = [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8];
const MEMORY_STEPS = [128, 256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384].map((mib) => mib * MIB);

export function LaunchDrawer({ template, onClose }: { template: Template | undefined; onClose: () => void }) {
  return (
    <Drawer
      opened={template !== undefined}
      onClose={onClose}
      title={
        template && (
          <Group gap="sm" wrap="nowrap">
            <TemplateIcon icon={template.icon} name={template.name} category={template.category} size={36} />
            <Text fw={650}>Launch {template.displayName}</Text>
          </Group>
        )
      }
    >
      {template && <LaunchForm key={template.name} template={template} />}
    </Drawer>
  );
}

function LaunchForm({ template }: { template: Template }) {
  const navigate = useNavigate();
  const create = useCreateSession();
  const cpus = withValue(CPU_STEPS, parseQuantity(template.resources?.cpu));
  const memories = withValue(MEMORY_STEPS, parseQuantity(template.resources?.memory));
  const [cpu, setCpu] = useState(() => indexOf(cpus, parseQuantity(template.resources?.cpu), 3));
  const [memory, setMemory] = useState(() => indexOf(memories, parseQuantity(template.resources?.memory), 3));
  const [keepHome, setKeepHome] = useState(false);
  const [tags, setTags] = useState<string[]>([]);

  function launch() {
    const body: CreateSession = {
      template: template.name,
      resources: { cpu: cpuQuantity(cpus[cpu] ?? 1), memory: memoryQuantity(memories[memory] ?? 1024 * MIB) },
      persistentHome: keepHome,
    };
    if (tags.length > 0) body.tags = tags;
    create.mutate(body, { onSuccess: (session) => navigate(`/sessions/${session.name}`) });
  }

  return (
    <Stack gap="xl" pt="sm">
      {template.description && (
        <Text fz="sm" c="dimmed">
          {template.description}
        </Text>
      )}
      <StepSlider label="Processor" steps={cpus} value={cpu} onChange={setCpu} format={formatCpu} error={fieldError(create.error, 'cpu')} />
      <StepSlider label="Memory" steps={memories} value={memory} onChange={setMemory} format={formatMemory} error={fieldError(create.error, 'memory')} />
      <Switch
        label="Keep the home directory"
        description="Files and settings are there again next time. Otherwise they go when the session ends."
        checked={keepHome}
        onChange={(event) => setKeepHome(event.currentTarget.checked)}
        error={fieldError(create.error, 'persistentHome')}
      />
      <TagsInput
        label="Tags"
        description="To find the session by later"
        placeholder={tags.length ? undefined : 'Type and press Enter'}
        value={tags}
        onChange={setTags}
        maxTags={16}
        error={fieldError(create.error, 'tags')}
      />
      {create.isError && (
        <Alert color="red" icon={<IconAlertCircle size={18} />} title="Could not launch" role="alert" style={{ whiteSpace: 'pre-line' }}>
          {errorText(withReasons(create.error))}
        </Alert>
      )}
      <Button
        size="md"
        leftSection={<IconPlayerPlayFilled size={15} aria-hidden />}
        onClick={launch}
        loading={create.isPending}
        data-testid="launch-with-options"
      >
        Launch
      </Button>
    </Stack>
  );
}

interface StepSliderProps {
  label: string;
  steps: number[];
  value: number;
  onChange: (index: number) => void;
  format: (value: number) => string;
  error?: string;
}

function StepSlider({ label, steps, value, onChange, format, error }: StepSliderProps) {
  const text = (index: number) => format(steps[index] ?? 0);
  return (
    <div>
      <Group justify="space-between" mb={8}>
        <Text fz="sm" fw={500}>
          {label}
        </Text>
        <Text fz="sm" fw={600} className="tabular">
          {text(value)}
        </Text>
      </Group>
      <Slider
        min={0}
        max={steps.length - 1}
        step={1}
        value={value}
        onChange={onChange}
        label={text}
        thumbLabel={label}
        thumbProps={{ 'aria-valuetext': text(value) }}
      />
      {error && (
        <Text fz="xs" c="var(--mantine-color-error)" mt={6}>
          {error}
        </Text>
      )}
    </div>
  );
}

/** The steps, with the template's own default among them. */
function withValue(steps: number[], value: number | undefined): number[] {
  if (value === undefined || steps.includes(value)) return steps;
  return [...steps, value].sort((a, b) => a - b);
}

function indexOf(steps: number[], value: number | undefined, fallback: number): number {
  const index = value === undefined ? -1 : steps.indexOf(value);
  return index < 0 ? fallback : index;
}

function fieldError(error: unknown, field: string): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  return error.fields.find((entry) => entry.field === field || entry.field.endsWith(`.${field}`))?.message;
}
