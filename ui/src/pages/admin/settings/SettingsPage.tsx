import { Button, Code, Group, SegmentedControl, Skeleton, Stack, Text } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, errorText } from '@/api/http';
import { keys } from '@/api/keys';
import { changeSettings, type Setting, type SettingValue } from '@/api/operation';
import { FormAlert } from '@/components/form/Form';
import { LoadError } from '@/components/LoadError';
import { PageHeader } from '@/components/PageHeader';
import { Panel } from '@/components/Panel';
import { NothingFits } from '@/components/data/List';
import { SearchInput } from '@/components/data/SearchInput';
import { useSettings } from '@/hooks/operation';
import { useChange } from '@/hooks/useChange';
import { fieldError, formError } from '@/lib/fieldErrors';
import { notify } from '@/lib/notify';
import { groupSettings, isAtStart, searchSettings, settingLabel, settingProblem, settingText, settingValue } from '@/lib/settings';
import { SettingRow } from './SettingRow';
import { StartRow } from './StartRow';
import classes from './Settings.module.css';

type View = 'here' | 'start';

/** A text that was typed, or null: back to the default. */
type Edits = Readonly<Record<string, string | null>>;

export function SettingsPage() {
  const settings = useSettings();
  return (
    <>
      <PageHeader title="Settings" text="Of all servers of this installation. Command line, environment and configuration file have precedence." />
      {settings.isPending ? (
        <Stack gap="lg" role="status" aria-label="Loading the settings">
          <Skeleton h={260} radius="lg" />
          <Skeleton h={260} radius="lg" />
        </Stack>
      ) : settings.isError ? (
        <LoadError error={settings.error} onRetry={() => void settings.refetch()} what="The settings" />
      ) : (
        <Editor settings={settings.data} />
      )}
    </>
  );
}

function Editor({ settings }: { settings: Setting[] }) {
  const client = useQueryClient();
  const [search, setSearch] = useState('');
  const [view, setView] = useState<View>('here');
  const [edits, setEdits] = useState<Edits>({});
  const save = useChange(changeSettings, [keys.settings, ['dashboard']]);
  const names = Object.keys(edits);
  // A search finds everything, wherever it is set.
  const shown = search ? searchSettings(settings, search) : settings.filter((setting) => isAtStart(setting) === (view === 'start'));
  const problems = findProblems(settings, edits);
  const invalid = Object.values(problems).some(Boolean);

  function edit(setting: Setting, text: string | null | undefined) {
    save.reset();
    setEdits((old) => {
      const next = { ...old };
      const same = text === undefined || (text !== null && text === settingText(setting.value) && !setting.set);
      if (same) delete next[setting.name];
      else next[setting.name] = text;
      return next;
    });
  }

  function submit() {
    const changes: Record<string, SettingValue> = {};
    for (const setting of settings) {
      const text = edits[setting.name];
      if (text !== undefined) changes[setting.name] = text === null ? null : settingValue(setting, text);
    }
    save.mutate(changes, {
      onSuccess(answer) {
        client.setQueryData<Setting[]>(keys.settings, (old) => merge(old ?? settings, answer));
        setEdits({});
        const restart = settings.filter((setting) => names.includes(setting.name) && setting.restart);
        notify('Settings saved', restart.length ? `Takes effect after a restart: ${restart.map(({ name }) => settingLabel(name)).join(', ')}` : undefined);
      },
    });
  }

  return (
    <div className={classes.page}>
      <Group gap="sm" justify="space-between">
        <SearchInput what="settings" hotkey value={search} onChange={setSearch} style={{ flex: '1 1 240px', maxWidth: 380 }} />
        <SegmentedControl
          aria-label="Which settings"
          value={view}
          onChange={(value) => setView(value as View)}
          disabled={search !== ''}
          data={[
            { value: 'here', label: 'Set here' },
            { value: 'start', label: 'Set at the start' },
          ]}
        />
      </Group>
      {view === 'start' && !search && (
        <Text fz="sm" c="dimmed">
          The server reads these when it starts: from its command line, its environment or its configuration file.{' '}
          <Code>streamspace server --help</Code> tells how.
        </Text>
      )}
      {shown.length === 0 && <NothingFits what="setting" onClear={() => setSearch('')} />}
      {groupSettings(shown).map(([group, list]) => (
        <Panel key={group} title={settingLabel(group)}>
          <div className={classes.rows}>
            {list.map((setting) =>
              isAtStart(setting) ? (
                <StartRow key={setting.name} setting={setting} />
              ) : (
                <SettingRow
                  key={setting.name}
                  setting={setting}
                  edit={edits[setting.name]}
                  error={problems[setting.name] ?? fieldError(save.error, setting.name)}
                  onEdit={(text) => edit(setting, text)}
                />
              ),
            )}
          </div>
        </Panel>
      ))}
      <div className={classes.bar} data-shown={names.length > 0 || undefined}>
        <FormAlert text={saveError(save.error, settings)} />
        <Group justify="space-between">
          <Text fz="sm" role="status">
            {names.length === 1 ? '1 change' : `${names.length} changes`}
          </Text>
          <Group gap="sm">
            <Button
              variant="default"
              onClick={() => {
                setEdits({});
                save.reset();
              }}
            >
              Discard
            </Button>
            <Button onClick={submit} disabled={invalid} loading={save.isPending} data-testid="settings-save">
              Save
            </Button>
          </Group>
        </Group>
      </div>
    </div>
  );
}

function findProblems(settings: Setting[], edits: Edits): Record<string, string | undefined> {
  const problems: Record<string, string | undefined> = {};
  for (const setting of settings) {
    const text = edits[setting.name];
    if (typeof text === 'string') problems[setting.name] = settingProblem(setting, text);
  }
  return problems;
}

/** The answer may hold all settings or only those that changed. */
function merge(old: Setting[], answer: Setting[]): Setting[] {
  const changed = new Map(answer.map((setting) => [setting.name, setting]));
  return old.map((setting) => changed.get(setting.name) ?? setting);
}

function saveError(error: unknown, settings: Setting[]): string | undefined {
  if (error instanceof ApiError && error.code === 'setting_pinned') return errorText(error);
  return formError(
    error,
    settings.map((setting) => setting.name),
  );
}
