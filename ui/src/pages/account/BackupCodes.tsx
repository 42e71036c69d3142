import { Alert, Button, CopyButton, Group, Stack } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconCopy, IconDownload, IconPrinter } from '@tabler/icons-react';
import { downloadText, printText } from '@/lib/keep';
import classes from './Account.module.css';

interface Props {
  codes: string[];
  username: string;
  onDone: () => void;
}

/** Shown once; each serves one sign-in without the phone. */
export function BackupCodes({ codes, username, onDone }: Props) {
  const title = `StreamSpace backup codes of ${username}`;
  const text = `${title}\n${window.location.origin}\n\n${codes.join('\n')}\n\nEach code can be used once, in place of the code from the app.\n`;
  return (
    <Stack>
      <Alert color="yellow" icon={<IconAlertTriangle size={18} />}>
        Keep these codes somewhere safe. Each lets you in once when your phone is not at hand. They are not shown again.
      </Alert>
      <ul className={classes.codes} aria-label="Backup codes" data-testid="backup-codes">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <Group gap="xs">
        <CopyButton value={codes.join('\n')}>
          {({ copied, copy }) => (
            <Button size="xs" variant="default" leftSection={copied ? <IconCheck size={15} /> : <IconCopy size={15} />} onClick={copy}>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconDownload size={15} />}
          onClick={() => downloadText(`streamspace-backup-codes-${username}.txt`, text)}
          data-testid="backup-download"
        >
          Download
        </Button>
        <Button size="xs" variant="default" leftSection={<IconPrinter size={15} />} onClick={() => printText(title, text)}>
          Print
        </Button>
      </Group>
      <Group justify="flex-end">
        <Button onClick={onDone} data-testid="backup-done">
          I have kept them
        </Button>
      </Group>
    </Stack>
  );
}
