import { Group, Stack, Text, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import type { ReactNode } from 'react';

interface PageHeaderProps {
  title: string;
  text?: ReactNode;
  children?: ReactNode;
}

export function PageHeader({ title, text, children }: PageHeaderProps) {
  useDocumentTitle(`${title} · StreamSpace`);
  return (
    <Group justify="space-between" align="flex-end" mb="lg" gap="md">
      <Stack gap={4}>
        <Title order={1}>{title}</Title>
        {text && <Text c="dimmed">{text}</Text>}
      </Stack>
      {children}
    </Group>
  );
}
