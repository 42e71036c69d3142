import { ActionIcon, Badge, Drawer, Group, Text, Tooltip, UnstyledButton } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { IconChevronDown, IconChevronUp } from '@tabler/icons-react';
import { useEffect, useState, type ReactNode } from 'react';
import type { AuditEntry } from '@/api/operation';
import { Elapsed } from '@/components/Elapsed';
import { actionWords, detailLines, outcomeColor } from '@/lib/audit';
import { formatTime } from '@/lib/duration';
import classes from './Audit.module.css';

interface Props {
  entry: AuditEntry | undefined;
  opened: boolean;
  onClose: () => void;
  newer?: () => void;
  older?: () => void;
  /** Shows only what is alike. */
  onFilter: (key: 'user' | 'action' | 'target', value: string) => void;
}

export function AuditDrawer({ entry, opened, onClose, newer, older, onFilter }: Props) {
  // Stays while the drawer slides away.
  const [shown, setShown] = useState(entry);
  useEffect(() => {
    if (entry) setShown(entry);
  }, [entry]);
  useHotkeys(
    opened
      ? [
          ['ArrowUp', () => newer?.()],
          ['ArrowDown', () => older?.()],
        ]
      : [],
  );
  const current = entry ?? shown;
  return (
    <Drawer opened={opened} onClose={onClose} size={480} title={<Text fw={650}>{current && actionWords(current.action)}</Text>}>
      {current && (
        <>
          <Group justify="space-between" mb="lg">
            <Badge size="lg" color={outcomeColor[current.outcome] ?? 'gray'} tt="capitalize">
              {current.outcome}
            </Badge>
            <Group gap={4}>
              <Step label="Newer" onClick={newer}>
                <IconChevronUp size={19} />
              </Step>
              <Step label="Older" onClick={older}>
                <IconChevronDown size={19} />
              </Step>
            </Group>
          </Group>
          <dl className={classes.lines} data-testid="audit-detail">
            <Line name="When">
              {formatTime(current.time)} (<Elapsed since={current.time} ago />)
            </Line>
            <Line name="Who" onFilter={current.user ? () => onFilter('user', current.user ?? '') : undefined}>
              {current.user ?? 'nobody signed in'}
            </Line>
            <Line name="Action" mono onFilter={() => onFilter('action', current.action)}>
              {current.action}
            </Line>
            {current.target && (
              <Line name="Target" mono onFilter={() => onFilter('target', current.target ?? '')}>
                {current.target}
              </Line>
            )}
            <Line name="From address" mono>
              {current.address ?? '–'}
            </Line>
            {current.requestId && (
              <Line name="Request" mono>
                {current.requestId}
              </Line>
            )}
            {detailLines(current.detail).map(([name, value]) => (
              <Line key={name} name={name} mono={name !== 'Detail'}>
                {value}
              </Line>
            ))}
          </dl>
        </>
      )}
    </Drawer>
  );
}

function Step({ label, onClick, children }: { label: string; onClick: (() => void) | undefined; children: ReactNode }) {
  return (
    <Tooltip label={label}>
      <ActionIcon size={36} onClick={onClick} disabled={!onClick} aria-label={label}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

interface LineProps {
  name: string;
  children: ReactNode;
  mono?: boolean;
  onFilter?: () => void;
}

function Line({ name, children, mono, onFilter }: LineProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-mono={mono || undefined}>
        <span>{children}</span>
        {onFilter && (
          <UnstyledButton className={classes.only} onClick={onFilter}>
            Only these
          </UnstyledButton>
        )}
      </dd>
    </div>
  );
}
