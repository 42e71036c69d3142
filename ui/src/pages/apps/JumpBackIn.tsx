import { Text, Title } from '@mantine/core';
import { Link } from 'react-router-dom';
import type { Session, Template } from '@/api/types';
import { Elapsed } from '@/components/Elapsed';
import { TemplateIcon } from '@/components/icons/TemplateIcon';
import { StatusDot } from '@/components/StatusDot';
import { stateColor, stateLabel } from '@/lib/sessions';
import { templateLabel } from '@/lib/templates';
import { preloadViewer } from '@/viewer/preload';
import classes from './Apps.module.css';

/** The sessions that are there already, one click away. */
export function JumpBackIn({ sessions, templates }: { sessions: Session[]; templates: Template[] }) {
  if (sessions.length === 0) return null;
  const byName = new Map(templates.map((template) => [template.name, template]));
  return (
    <section aria-labelledby="jump-title">
      <Title order={2} fz={14} fw={600} c="dimmed" id="jump-title" mb={8}>
        Jump back in
      </Title>
      <div className={classes.jump}>
        {sessions.slice(0, 12).map((session) => {
          const template = byName.get(session.template);
          return (
            <Link key={session.name} to={`/sessions/${session.name}`} className={classes.jumpCard} onPointerEnter={preloadViewer}>
              <TemplateIcon icon={template?.icon} name={session.template} category={template?.category} size={40} />
              <div>
                <Text fz={14} fw={600} lh={1.3}>
                  {templateLabel(template, session.template)}
                </Text>
                <Text fz={12.5} c="dimmed" lh={1.3} className={classes.jumpState} component="div">
                  <StatusDot color={stateColor[session.state]} size={7} />
                  {stateLabel[session.state]} · <Elapsed since={session.createdAt} />
                </Text>
              </div>
            </Link>
          );
        })}
      </div>
    </section>
  );
}
