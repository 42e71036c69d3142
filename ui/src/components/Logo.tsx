import { Group, Text } from '@mantine/core';

export function LogoMark({ size = 30 }: { size?: number }) {
  return <img src="/logo.svg" width={size} height={size} alt="" />;
}

export function Logo({ size = 30 }: { size?: number }) {
  return (
    <Group gap={10} wrap="nowrap">
      <LogoMark size={size} />
      <Text component="span" fw={700} fz={size * 0.58} lts="-0.02em">
        StreamSpace
      </Text>
    </Group>
  );
}
