import { Badge, Code, Group, Text } from '@mantine/core';
import type { Setting, SettingSource } from '@/api/operation';
import { sentence } from '@/lib/fieldErrors';
import { isAtStart, settingLabel, sourceLabel } from '@/lib/settings';
import classes from './Settings.module.css';

const sourceColor: Record<SettingSource, string> = { flag: 'violet', variable: 'violet', file: 'violet', database: 'tide', default: 'gray' };

/** What a setting is, and who says what it is set to. */
export function SettingWords({ setting, id }: { setting: Setting; id?: string }) {
  return (
    <div className={classes.words}>
      <Text fz="sm" fw={600} id={id && `${id}-label`}>
        {settingLabel(setting.name)}
      </Text>
      {setting.description && (
        <Text fz={13} c="dimmed" id={id && `${id}-text`}>
          {sentence(setting.description)}
        </Text>
      )}
      <Group gap={8} mt={6}>
        <Code className={classes.name}>{setting.name}</Code>
        <Badge size="sm" color={sourceColor[setting.source] ?? 'gray'}>
          {sourceLabel[setting.source] ?? setting.source}
        </Badge>
        {setting.restart && !isAtStart(setting) && (
          <Badge size="sm" color="yellow">
            Needs a restart
          </Badge>
        )}
      </Group>
    </div>
  );
}
