import { Radio, Slider, Stack, Switch, Text } from '@mantine/core';
import { fitLabel, type FitMode } from '@/viewer/sizing';
import type { ViewerPreferences } from '@/viewer/useViewerSettings';

const hints: Record<FitMode, string> = {
  resize: 'The session takes the size of this window',
  scale: 'The session keeps its size; the picture is scaled',
  original: 'Pixel by pixel, scrolling where it is larger',
};

const dense = window.devicePixelRatio > 1;

export function DisplayPanel({ preferences, onChange }: { preferences: ViewerPreferences; onChange: (part: Partial<ViewerPreferences>) => void }) {
  return (
    <Stack gap="md">
      <Radio.Group label={<Text fw={650}>Display</Text>} value={preferences.fit} onChange={(fit) => onChange({ fit: fit as FitMode })}>
        <Stack gap="xs" mt="xs">
          {(Object.keys(fitLabel) as FitMode[]).map((fit) => (
            <Radio key={fit} value={fit} label={fitLabel[fit]} description={hints[fit]} />
          ))}
        </Stack>
      </Radio.Group>
      {dense && preferences.fit === 'resize' && (
        <Switch
          label="Every pixel of this screen"
          description="Sharper, smaller, and more data"
          checked={preferences.sharp}
          onChange={(event) => onChange({ sharp: event.currentTarget.checked })}
        />
      )}
      <div>
        <Text fz="sm" fw={500} mb={6}>
          Picture quality
        </Text>
        <Slider
          min={0}
          max={9}
          value={preferences.quality}
          onChange={(quality) => onChange({ quality })}
          marks={[
            { value: 0, label: 'Fast' },
            { value: 9, label: 'Best' },
          ]}
          mb={18}
          mx={10}
          thumbLabel="Picture quality"
        />
      </div>
    </Stack>
  );
}
