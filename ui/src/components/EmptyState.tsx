import { Stack, Text, ThemeIcon, Title } from '@mantine/core';
import type { Icon } from '@tabler/icons-react';
import type { ReactNode } from 'react';

interface EmptyStateProps {
  icon: Icon;
  title: string;
  text?: ReactNode;
  children?: ReactNode;
  alert?: boolean;
  /** Where it is all there is on the page, its title is the page's. */
  order?: 1 | 2;
}

export function EmptyState({ icon: Glyph, title, text, children, alert, order = 2 }: EmptyStateProps) {
  return (
    <Stack align="center" gap="sm" py={64} px="md" ta="center" role={alert ? 'alert' : undefined}>
      <ThemeIcon size={64} radius="xl" variant="light" color={alert ? 'red' : 'tide'}>
        <Glyph size={32} stroke={1.5} />
      </ThemeIcon>
      <Title order={order} fz={20} mt="xs">
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
