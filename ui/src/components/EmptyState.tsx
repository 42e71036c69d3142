import { Stack, Text, ThemeIcon, Title } from '@mantine/core';
import type { Icon } from '@tabler/icons-react';
import type { ReactNode } from 'react';

interface EmptyStateProps {
  icon: Icon;
  title: string;
  text?: ReactNode;
  children?: ReactNode;
  alert?: boolean;
}

export function EmptyState({ icon: Glyph, title, text, children, alert }: EmptyStateProps) {
  return (
    <Stack align="center" gap="sm" py={64} px="md" ta="center" role={alert ? 'alert' : undefined}>
      <ThemeIcon size={64} radius="xl" variant="light" color={alert ? 'red' : 'tide'}>
        <Glyph size={32} stroke={1.5} />
      </ThemeIcon>
      <Title order={2} mt="xs">
        {title}
      </Title>
      {text && (
        <Text c="dimmed" maw={440}>
          {text}
        </Text>
      )}
      {children}
    </Stack>
  );
}
