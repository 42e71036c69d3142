import { Button, Center, Loader, Stack, Text, Title } from '@mantine/core';
import { LogoMark } from './Logo';

export function Splash() {
  return (
    <Center mih="100dvh" role="status" aria-label="Loading StreamSpace">
      <Stack align="center" gap="lg">
        <LogoMark size={56} />
        <Loader type="dots" size="sm" />
      </Stack>
    </Center>
  );
}

export interface FullPageMessageProps {
  title: string;
  text: string;
  action?: { label: string; onClick: () => void; loading?: boolean };
}

export function FullPageMessage({ title, text, action }: FullPageMessageProps) {
  return (
    <Center mih="100dvh" p="lg" component="main">
      <Stack align="center" gap="md" maw={420} ta="center" role="alert">
        <LogoMark size={56} />
        <Title order={1}>{title}</Title>
        <Text c="dimmed">{text}</Text>
        {action && (
          <Button onClick={action.onClick} loading={action.loading}>
            {action.label}
          </Button>
        )}
      </Stack>
    </Center>
  );
}
