import { Button, CopyButton, Group, Text, Textarea } from '@mantine/core';
import { IconCheck, IconClipboardCheck } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import type { ClipboardSync } from '@/viewer/useClipboard';

export function ClipboardPanel({ clipboard }: { clipboard: ClipboardSync }) {
  const [draft, setDraft] = useState(clipboard.text);
  useEffect(() => setDraft(clipboard.text), [clipboard.text]);
  return (
    <>
      <Text fw={650} mb={4}>
        Clipboard
      </Text>
      <Text fz="sm" c="dimmed" mb="sm">
        {clipboard.access === 'automatic'
          ? 'Copied text goes both ways by itself.'
          : 'What is copied in the session appears here. Paste text and send it to the session.'}
      </Text>
      <Textarea
        aria-label="Clipboard text"
        autosize
        minRows={4}
        maxRows={10}
        value={draft}
        onChange={(event) => setDraft(event.currentTarget.value)}
        data-autofocus
        data-testid="clipboard-text"
      />
      <Group mt="sm" gap="xs">
        <Button size="xs" onClick={() => clipboard.send(draft)} disabled={!draft} data-testid="clipboard-send">
          Send to session
        </Button>
        <CopyButton value={draft}>
          {({ copied, copy }) => (
            <Button size="xs" variant="default" onClick={copy} disabled={!draft}>
              {copied ? 'Copied' : 'Copy to this device'}
            </Button>
          )}
        </CopyButton>
      </Group>
      {clipboard.access === 'ask' && (
        <Button mt="sm" size="xs" variant="subtle" leftSection={<IconClipboardCheck size={16} aria-hidden />} onClick={() => void clipboard.enable()}>
          Do this automatically
        </Button>
      )}
      {clipboard.access === 'automatic' && (
        <Text fz="xs" c="dimmed" mt="sm">
          <IconCheck size={13} style={{ verticalAlign: -2 }} aria-hidden /> Allowed by this browser
        </Text>
      )}
    </>
  );
}
