import { ActionIcon, CopyButton, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import classes from './CopyLine.module.css';

interface Props {
  value: string;
  /** What it is, for the button: "Copy the key". */
  what: string;
  'data-testid'?: string;
}

/** Something to take along: a key, a command. Selected whole by a click. */
export function CopyLine({ value, what, 'data-testid': testId }: Props) {
  return (
    <div className={classes.line}>
      <code className={classes.value} tabIndex={0} data-testid={testId}>
        {value}
      </code>
      <CopyButton value={value} timeout={2000}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? 'Copied' : `Copy ${what}`}>
            <ActionIcon size={34} onClick={copy} aria-label={copied ? 'Copied' : `Copy ${what}`} color={copied ? 'green' : 'gray'}>
              {copied ? <IconCheck size={18} /> : <IconCopy size={18} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </div>
  );
}
