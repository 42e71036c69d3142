import { Text } from '@mantine/core';
import { IconLock } from '@tabler/icons-react';
import type { Setting } from '@/api/operation';
import { settingText } from '@/lib/settings';
import classes from './Settings.module.css';
import { SettingWords } from './SettingWords';

/** A setting to look at only. */
export function StartRow({ setting }: { setting: Setting }) {
  return (
    <div className={classes.row} data-testid={`setting-${setting.name}`} data-source={setting.source}>
      <SettingWords setting={setting} />
      <div className={classes.fixed}>
        <IconLock size={15} aria-hidden />
        <Value setting={setting} />
      </div>
    </div>
  );
}

function Value({ setting }: { setting: Setting }) {
  const text = setting.set !== undefined ? '' : settingText(setting.value);
  if (text) return <span className={classes.fixedValue}>{text}</span>;
  return (
    <Text span fz="sm" c="dimmed">
      {setting.set ? 'Set, and secret' : 'Not set'}
    </Text>
  );
}
