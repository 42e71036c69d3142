import { Alert, Button, CopyButton, Drawer, Group, Loader, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { sessionLogs } from '@/api/endpoints';
import { errorText } from '@/api/http';
import { keys } from '@/api/keys';
import classes from './LogsDrawer.module.css';

const REFRESH_MS = 2_500;

interface Props {
  name: string | undefined;
  label: string;
  onClose: () => void;
}

export function LogsDrawer({ name, label, onClose }: Props) {
  return (
    <Drawer opened={name !== undefined} onClose={onClose} size="xl" title={<Text fw={650}>Log of {label}</Text>}>
      {name && <Logs name={name} />}
    </Drawer>
  );
}

function Logs({ name }: { name: string }) {
  const logs = useQuery({
    queryKey: keys.logs(name),
    queryFn: ({ signal }) => sessionLogs(name, signal),
    refetchInterval: REFRESH_MS,
    staleTime: 0,
    retry: false,
  });
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);

  // Follows the end, unless the reader has scrolled up.
  useEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [logs.data]);

  if (logs.isPending) return <Loader size="sm" aria-label="Loading the log" />;
  if (logs.isError && logs.data === undefined) return <Alert color="red">{errorText(logs.error)}</Alert>;
  return (
    <>
      <Group justify="space-between" mb="sm">
        <Text fz="sm" c="dimmed">
          The last lines, refreshed as they come
        </Text>
        <CopyButton value={logs.data ?? ''}>
          {({ copied, copy }) => (
            <Button size="xs" variant="default" onClick={copy}>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
      </Group>
      <pre
        ref={box}
        className={classes.log}
        tabIndex={0}
        role="log"
        aria-label="Log"
        aria-live="off"
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          atEnd.current = scrollHeight - scrollTop - clientHeight < 24;
        }}
      >
        {logs.data || 'Nothing has been written yet.'}
      </pre>
    </>
  );
}
