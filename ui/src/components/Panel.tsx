import { Text, Title } from '@mantine/core';
import { useId, type ReactNode } from 'react';
import classes from './Panel.module.css';

interface Props {
  title: string;
  text?: ReactNode;
  /** At the right of the title. */
  action?: ReactNode;
  children?: ReactNode;
  'data-testid'?: string;
}

/** A part of a page, with a heading of its own. */
export function Panel({ title, text, action, children, 'data-testid': testId }: Props) {
  const id = useId();
  return (
    <section className={classes.panel} aria-labelledby={id} data-testid={testId}>
      <div className={classes.head}>
        <div className={classes.words}>
          <Title order={2} fz={17} id={id}>
            {title}
          </Title>
          {text && (
            <Text fz="sm" c="dimmed" mt={2}>
              {text}
            </Text>
          )}
        </div>
        {action}
      </div>
      {children}
    </section>
  );
}

interface SectionProps extends Omit<Props, 'data-testid'> {
  danger?: boolean;
}

/** A part of a drawer. */
export function Section({ title, text, action, children, danger }: SectionProps) {
  const id = useId();
  return (
    <section className={classes.section} data-danger={danger || undefined} aria-labelledby={id}>
      <div className={classes.head}>
        <div className={classes.words}>
          <Title order={3} fz={15} id={id}>
            {title}
          </Title>
          {text && (
            <Text fz="sm" c="dimmed" mt={2}>
              {text}
            </Text>
          )}
        </div>
        {action}
      </div>
      {children}
    </section>
  );
}
