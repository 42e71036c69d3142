import { Alert, Badge, Collapse, Loader, Text } from '@mantine/core';
import { IconAlertCircle, IconChevronRight } from '@tabler/icons-react';
import { useId, useState } from 'react';
import { Link } from 'react-router-dom';
import type { Command } from '@/api/types';
import { Elapsed } from '@/components/Elapsed';
import { StatusDot } from '@/components/StatusDot';
import { actionLabel, commandColor, commandDuration, commandStages } from '@/lib/commands';
import { formatSpan, formatTime } from '@/lib/duration';
import classes from './Admin.module.css';

export function CommandRow({ command }: { command: Command }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const color = commandColor[command.status] ?? 'gray';
  const took = commandDuration(command);
  const moving = command.status === 'sent' || command.status === 'acknowledged';
  return (
    <li className={classes.row} data-testid={`command-${command.commandId}`} data-status={command.status}>
      <button type="button" className={classes.rowHead} aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <IconChevronRight size={17} className={classes.chevron} data-open={open || undefined} aria-hidden />
        <span className={classes.rowMain}>
          <Text component="span" fz="sm" fw={600}>
            {actionLabel(command.action)}
          </Text>
          <Text component="span" fz={12.5} c="dimmed" truncate>
            {command.sessionId ?? command.commandId}
          </Text>
        </span>
        <Text component="span" fz="sm" c="dimmed" className={classes.wide} truncate>
          {command.agentId ?? '–'}
        </Text>
        <Text component="span" fz="sm" className={`${classes.wide} tabular`} ta="right">
          {took === undefined ? '' : formatSpan(took)}
        </Text>
        <Text component="span" fz={12.5} c="dimmed" className={classes.when}>
          <Elapsed since={command.createdAt} ago />
        </Text>
        <Badge color={color} tt="capitalize" leftSection={moving ? <Loader size={10} color={color} aria-hidden /> : <StatusDot color={color} />}>
          {command.status}
        </Badge>
      </button>
      <Collapse in={open} id={id}>
        {open && <Details command={command} />}
      </Collapse>
    </li>
  );
}

function Details({ command }: { command: Command }) {
  return (
    <div className={classes.details}>
      {command.errorMessage && (
        <Alert color="red" icon={<IconAlertCircle size={18} />} mb="md">
          {command.errorMessage}
        </Alert>
      )}
      <ol className={classes.stages}>
        {commandStages(command).map((stage) => (
          <li key={stage.id} data-reached={stage.at !== undefined || undefined} data-failed={stage.failed || undefined}>
            <strong>{stage.label}</strong>
            <span className="tabular">{stage.at ? formatTime(stage.at) : 'not yet'}</span>
            {stage.took !== undefined && <span className="tabular">+{formatSpan(stage.took)}</span>}
          </li>
        ))}
      </ol>
      <dl className={classes.facts}>
        <div>
          <dt>Command</dt>
          <dd className={classes.mono}>{command.commandId}</dd>
        </div>
        <div>
          <dt>Agent</dt>
          <dd>{command.agentId ?? '–'}</dd>
        </div>
        <div>
          <dt>Attempts</dt>
          <dd>{command.attempts}</dd>
        </div>
        {command.sessionId && (
          <div style={{ gridColumn: '1 / -1' }}>
            <dt>Session</dt>
            <dd className={classes.mono}>
              <Link to={`/sessions/${command.sessionId}`} className={classes.link}>
                {command.sessionId}
              </Link>
            </dd>
          </div>
        )}
      </dl>
    </div>
  );
}
