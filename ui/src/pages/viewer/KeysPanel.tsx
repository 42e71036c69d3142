import { Button, Group, SimpleGrid, Text } from '@mantine/core';
import type { Screen } from '@/viewer/screen';
import { combinations, sendCombination } from '@/viewer/keys';
import { HoldKeys } from './HoldKeys';

export function KeysPanel({ screen }: { screen: Screen | null }) {
  return (
    <>
      <Text fw={650} mb="sm">
        Special keys
      </Text>
      <SimpleGrid cols={2} spacing="xs">
        {combinations.map(({ label, keys }) => (
          <Button
            key={label}
            size="xs"
            variant="default"
            disabled={!screen}
            onClick={() => screen && sendCombination(screen.rfb, keys)}
            data-testid={`key-${label.toLowerCase().replace(/ /g, '-')}`}
          >
            {label}
          </Button>
        ))}
      </SimpleGrid>
      <Text fz="sm" c="dimmed" mt="md" mb={6}>
        Hold down
      </Text>
      <Group gap="xs">
        <HoldKeys screen={screen} />
      </Group>
      <Text fz="xs" c="dimmed" mt="md">
        Ctrl Alt Shift leaves the session’s screen for this toolbar, Esc goes back.
      </Text>
    </>
  );
}
