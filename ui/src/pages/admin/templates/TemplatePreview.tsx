import { Box, Text } from '@mantine/core';
import type { Template } from '@/api/types';
import { TemplateCard } from '@/pages/apps/TemplateCard';
import type { TemplateBody } from '@/api/templates';

// React 18 does not know the attribute by name.
const INERT = { inert: '' };

/** The card as people will see it; its buttons do nothing. */
export function TemplatePreview({ template }: { template: TemplateBody & { name: string; protocol: Template['protocol'] } }) {
  const card = { ...template, displayName: template.displayName || 'No name yet', resources: undefined } as unknown as Template;
  return (
    <Box {...INERT} component="ul" p={0} m={0} maw={340} style={{ listStyle: 'none' }} data-testid="template-preview">
      <Text fz="xs" c="dimmed" mb={6} component="li">
        Preview
      </Text>
      <TemplateCard template={card} running={0} launching={false} onLaunch={() => {}} onOptions={() => {}} />
    </Box>
  );
}
