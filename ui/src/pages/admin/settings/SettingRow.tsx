import { ActionIcon, Select, Switch, Text, TextInput, Tooltip } from '@mantine/core';
import { IconArrowBackUp, IconLock } from '@tabler/icons-react';
import { useId } from 'react';
import type { Setting } from '@/api/operation';
import { lockReason, settingLabel, settingText } from '@/lib/settings';
import { SettingWords } from './SettingWords';
import classes from './Settings.module.css';

interface Props {
  setting: Setting;
  /** What was typed, null for "back to the default", undefined for nothing. */
  edit: string | null | undefined;
  error: string | undefined;
  onEdit: (text: string | null | undefined) => void;
}

export function SettingRow({ setting, edit, error, onEdit }: Props) {
  const id = useId();
  const reason = lockReason(setting);
  const label = settingLabel(setting.name);
  const resettable = setting.source === 'database' && reason === undefined;
  return (
    <div className={classes.row} data-testid={`setting-${setting.name}`} data-source={setting.source} data-changed={edit !== undefined || undefined}>
      <SettingWords setting={setting} id={id} />
      <div className={classes.value}>
        <div className={classes.control}>
          <Control setting={setting} label={label} id={id} locked={reason !== undefined} edit={edit} error={error} onEdit={onEdit} />
          {resettable && edit === undefined && (
            <Tooltip label={`Back to the default${defaultText(setting)}`}>
              <ActionIcon size={36} onClick={() => onEdit(null)} aria-label={`${label}: back to the default`} data-testid={`reset-${setting.name}`}>
                <IconArrowBackUp size={18} />
              </ActionIcon>
            </Tooltip>
          )}
          {edit !== undefined && (
            <Tooltip label="Undo this change">
              <ActionIcon size={36} onClick={() => onEdit(undefined)} aria-label={`${label}: undo this change`}>
                <IconArrowBackUp size={18} color="var(--ss-accent-text)" />
              </ActionIcon>
            </Tooltip>
          )}
        </div>
        {reason ? (
          <Text fz={12.5} c="dimmed" className={classes.lock}>
            <IconLock size={14} aria-hidden /> {reason}
          </Text>
        ) : edit === null ? (
          <Text fz={12.5} c="var(--ss-accent-text)" fw={550}>
            Goes back to the default{defaultText(setting)}
          </Text>
        ) : (
          <Hint setting={setting} />
        )}
      </div>
    </div>
  );
}

function defaultText(setting: Setting): string {
  const text = settingText(setting.default);
  return text ? ` (${text})` : '';
}

function Hint({ setting }: { setting: Setting }) {
  const has = (bound: unknown) => bound !== null && bound !== undefined;
  const parts = [
    has(setting.min) && has(setting.max) ? `${setting.min} to ${setting.max}` : has(setting.min) ? `at least ${setting.min}` : has(setting.max) ? `at most ${setting.max}` : '',
    setting.source === 'database' && settingText(setting.default) ? `default: ${settingText(setting.default)}` : '',
  ].filter(Boolean);
  if (parts.length === 0) return null;
  return (
    <Text fz={12.5} c="dimmed">
      {parts.join(' · ')}
    </Text>
  );
}

interface ControlProps extends Props {
  label: string;
  id: string;
  locked: boolean;
}

function Control({ setting, id, locked, edit, error, onEdit }: ControlProps) {
  const text = edit === null ? settingText(setting.default) : (edit ?? settingText(setting.value));
  const shared = {
    disabled: locked,
    'aria-labelledby': `${id}-label`,
    'aria-describedby': setting.description ? `${id}-text` : undefined,
    'data-testid': `value-${setting.name}`,
  };
  if (setting.type === 'boolean') {
    return (
      <Switch
        {...shared}
        checked={text === 'true'}
        label={text === 'true' ? 'On' : 'Off'}
        onChange={(event) => onEdit(String(event.currentTarget.checked))}
        error={error}
        className={classes.input}
      />
    );
  }
  if (setting.type === 'choice') {
    return (
      <Select
        {...shared}
        className={classes.input}
        data={setting.choices ?? []}
        allowDeselect={false}
        value={text || null}
        onChange={(value) => value !== null && onEdit(value)}
        error={error}
      />
    );
  }
  return (
    <TextInput
      {...shared}
      className={classes.input}
      inputMode={setting.type === 'integer' ? 'numeric' : undefined}
      autoComplete="off"
      spellCheck={false}
      placeholder={setting.set ? 'Set; type to replace it' : setting.type === 'text' ? 'Empty' : undefined}
      value={text}
      onChange={(event) => onEdit(event.currentTarget.value)}
      error={error}
    />
  );
}
