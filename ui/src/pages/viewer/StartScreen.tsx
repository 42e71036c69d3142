import { Button, Group, Loader, Text, Title } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router-dom';
import type { Session, Template } from '@/api/types';
import { EndSessionModal } from '@/components/EndSessionModal';
import { TemplateIcon } from '@/components/icons/TemplateIcon';
import { useNow } from '@/hooks/useNow';
import { isOwned } from '@/lib/sessions';
import { formatSpan, parseTime } from '@/lib/duration';
import { steps, type Seen, type Step } from '@/lib/stages';
import classes from './Viewer.module.css';

interface Props {
  session: Session;
  template: Template | undefined;
  label: string;
  seen: Seen;
  /** Why the first picture is not there yet, when something went wrong on the way. */
  trouble?: string;
}

/** From the click to the first picture, step by step. */
export function StartScreen({ session, template, label, seen, trouble }: Props) {
  const now = useNow(true);
  const [confirming, setConfirming] = useState(false);
  const list = steps(seen, session, now);
  const active = list.find((step) => step.state === 'active');
  const total = now - (parseTime(session.createdAt) ?? now);
  return (
    <main className={classes.center}>
      <div className={classes.panel}>
        <Group gap="md" wrap="nowrap" mb="lg">
          <TemplateIcon icon={template?.icon} name={session.template} category={template?.category} size={60} className={classes.breathe} />
          <div>
            <Title order={1} fz={22}>
              {session.state === 'waking' ? `Resuming ${label}` : `Starting ${label}`}
            </Title>
            <Text c="dimmed" fz="sm" className="tabular">
              {total < 3_600_000 ? formatSpan(total) : 'Almost there'}
            </Text>
          </div>
        </Group>
        <Text role="status" className={classes.spoken}>
          {active ? `${active.label}. ${active.detail ?? ''}` : ''}
        </Text>
        <ol className={classes.steps}>
          {list.map((step) => (
            <StepLine key={step.id} step={step} />
          ))}
        </ol>
        {trouble && (
          <Text fz="sm" c="dimmed" mt="md" role="status">
            {trouble} Trying again.
          </Text>
        )}
        {isOwned(session) && (
          <Group mt="xl" gap="sm">
            <Button variant="default" component={Link} to="/">
              Leave it starting
            </Button>
            <Button variant="subtle" color="red" onClick={() => setConfirming(true)} data-testid="viewer-cancel">
              Cancel
            </Button>
          </Group>
        )}
      </div>
      <EndSessionModal session={session} label={label} opened={confirming} onClose={() => setConfirming(false)} />
    </main>
  );
}

function StepLine({ step }: { step: Step }) {
  return (
    <li className={classes.step} data-state={step.state} aria-current={step.state === 'active' ? 'step' : undefined}>
      <span className={classes.stepMark} aria-hidden>
        {step.state === 'done' ? <IconCheck size={14} stroke={2.6} /> : step.state === 'active' ? <Loader size={16} /> : null}
      </span>
      <div className={classes.stepText}>
        <span>{step.label}</span>
        {step.detail && <small>{step.detail}</small>}
      </div>
      <span className={`${classes.stepTime} tabular`}>{step.elapsed === undefined || step.elapsed > 3_600_000 ? '' : formatSpan(step.elapsed)}</span>
    </li>
  );
}
