import { ActionIcon, Badge, Button, Text, Title, Tooltip } from '@mantine/core';
import { IconAdjustments, IconPlayerPlayFilled } from '@tabler/icons-react';
import type { Template } from '@/api/types';
import { TemplateIcon } from '@/components/icons/TemplateIcon';
import { StatusDot } from '@/components/StatusDot';
import { preloadViewer } from '@/viewer/preload';
import classes from './Apps.module.css';

interface Props {
  template: Template;
  /** How many sessions of it the user has. */
  running: number;
  launching: boolean;
  onLaunch: () => void;
  onOptions: () => void;
}

export function TemplateCard({ template, running, launching, onLaunch, onOptions }: Props) {
  const available = template.available !== false;
  return (
    <li
      className={classes.card}
      data-unavailable={!available || undefined}
      data-testid={`template-${template.name}`}
      onPointerEnter={preloadViewer}
      onFocus={preloadViewer}
    >
      <div className={classes.cardTop}>
        <TemplateIcon icon={template.icon} name={template.name} category={template.category} size={52} className={classes.icon} />
        <div className={classes.cardTitle}>
          <Title order={2} fz={16} lh={1.3} className={classes.name}>
            {template.displayName}
          </Title>
          {running > 0 && (
            <Text fz={12.5} c="dimmed" className={classes.running}>
              <StatusDot color="green" size={7} /> {running} open
            </Text>
          )}
        </div>
      </div>
      <div className={classes.description}>
        <Text fz="sm" c="dimmed" lineClamp={2}>
          {template.description}
        </Text>
      </div>
      {available ? (
        <div className={classes.actions}>
          <Button
            className={classes.launch}
            size="sm"
            variant="light"
            leftSection={<IconPlayerPlayFilled size={13} aria-hidden />}
            loading={launching}
            onClick={onLaunch}
            aria-label={`Launch ${template.displayName}`}
            data-testid={`launch-${template.name}`}
          >
            Launch
          </Button>
          <Tooltip label="Launch with options">
            <ActionIcon
              className={classes.options}
              size={36}
              variant="subtle"
              onClick={onOptions}
              aria-label={`Launch ${template.displayName} with options`}
              data-testid={`options-${template.name}`}
            >
              <IconAdjustments size={19} />
            </ActionIcon>
          </Tooltip>
        </div>
      ) : (
        <Badge color="gray" size="lg" fw={500} className={classes.reason}>
          {template.unavailableReason ? `Not available: ${template.unavailableReason}` : 'Not available on any machine'}
        </Badge>
      )}
    </li>
  );
}
