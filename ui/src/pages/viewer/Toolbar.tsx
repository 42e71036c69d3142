import { ActionIcon, Badge, Divider, Popover, Tooltip } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import {
  IconActivity,
  IconChevronDown,
  IconClipboardText,
  IconCommand,
  IconDeviceDesktopCog,
  IconEye,
  IconHome,
  IconKeyboard,
  IconMaximize,
  IconMinimize,
  IconPlayerStop,
  IconShare,
  type Icon,
} from '@tabler/icons-react';
import { forwardRef, useEffect, useRef, useState, type ReactNode } from 'react';
import { flushSync } from 'react-dom';
import { Link } from 'react-router-dom';
import type { Session, Template } from '@/api/types';
import { EndSessionModal } from '@/components/EndSessionModal';
import { TemplateIcon } from '@/components/icons/TemplateIcon';
import { ShareModal } from '@/components/ShareModal';
import { StatusDot } from '@/components/StatusDot';
import { isOwned } from '@/lib/sessions';
import type { Screen } from '@/viewer/screen';
import type { ClipboardSync } from '@/viewer/useClipboard';
import { useFullscreen } from '@/viewer/useFullscreen';
import type { ViewerPreferences } from '@/viewer/useViewerSettings';
import { ClipboardPanel } from './ClipboardPanel';
import { DisplayPanel } from './DisplayPanel';
import { KeysPanel } from './KeysPanel';
import { StatsPanel } from './StatsPanel';
import { TouchKeyboard } from './TouchKeyboard';
import classes from './Toolbar.module.css';
import { useAutoHide } from './useAutoHide';

interface Props {
  session: Session;
  template: Template | undefined;
  label: string;
  connected: boolean;
  screen: Screen | null;
  clipboard: ClipboardSync;
  preferences: ViewerPreferences;
  onPreferences: (part: Partial<ViewerPreferences>) => void;
  /** The stream takes no input. */
  onlyLooks: boolean;
  byLink?: boolean;
}

type Panel = 'clipboard' | 'keys' | 'display' | 'stats';

const touch = window.matchMedia('(pointer: coarse)').matches || navigator.maxTouchPoints > 0;

export function Toolbar({ session, template, label, connected, screen, clipboard, preferences, onPreferences, onlyLooks, byLink }: Props) {
  const fullscreen = useFullscreen();
  const [panel, setPanel] = useState<Panel>();
  const [typing, setTyping] = useState(false);
  const [confirming, setConfirming] = useState(false);
  const [sharing, setSharing] = useState(false);
  const owned = isOwned(session) && !byLink;
  const bar = useRef<HTMLDivElement>(null);
  const { shown, show, toggle, hold } = useAutoHide(panel !== undefined || confirming || sharing || !connected);
  useLeaveScreenKeys(() => {
    // It must be visible before it can have the focus.
    flushSync(show);
    bar.current?.querySelector<HTMLElement>('a, button')?.focus();
  });
  useHotkeys([['Escape', () => screen?.rfb.focus()]]);

  const panelProps = (name: Panel) => ({
    opened: panel === name,
    onChange: (opened: boolean) => setPanel(opened ? name : undefined),
    onToggle: () => setPanel(panel === name ? undefined : name),
  });

  return (
    <>
      <div className={classes.dock} {...hold}>
        <div
          ref={bar}
          className={classes.bar}
          data-shown={shown || undefined}
          role="toolbar"
          aria-label={`Session ${label}`}
          data-testid="viewer-toolbar"
        >
          <span className={classes.name}>
            <TemplateIcon icon={template?.icon} name={session.template} category={template?.category} size={26} className={classes.icon} />
            <span className={classes.label}>{label}</span>
            <StatusDot color={connected ? 'green' : 'yellow'} />
            {onlyLooks && (
              <Badge className={classes.viewOnly} leftSection={<IconEye size={12} aria-hidden />} data-testid="viewer-view-only">
                View only
              </Badge>
            )}
          </span>
          <Divider orientation="vertical" className={classes.divider} />
          {!byLink && (
            <Tooltip label="Applications" position="bottom">
              <ActionIcon component={Link} to="/" className={classes.button} size={38} aria-label="Back to applications" data-testid="viewer-home">
                <IconHome size={20} stroke={1.7} />
              </ActionIcon>
            </Tooltip>
          )}
          {fullscreen.supported && (
            <ToolButton
              icon={fullscreen.active ? IconMinimize : IconMaximize}
              label={fullscreen.active ? 'Leave full screen' : 'Full screen'}
              onClick={() => void fullscreen.toggle().then(() => screen?.rfb.focus())}
              testId="viewer-fullscreen"
            />
          )}
          {!onlyLooks && (
            <>
              <PanelButton {...panelProps('clipboard')} icon={IconClipboardText} label="Clipboard" testId="viewer-clipboard">
                <ClipboardPanel clipboard={clipboard} />
              </PanelButton>
              <PanelButton {...panelProps('keys')} icon={IconCommand} label="Special keys" testId="viewer-keys">
                <KeysPanel screen={screen} />
              </PanelButton>
            </>
          )}
          <PanelButton {...panelProps('display')} icon={IconDeviceDesktopCog} label="Display" testId="viewer-display">
            <DisplayPanel preferences={preferences} onChange={onPreferences} />
          </PanelButton>
          <PanelButton {...panelProps('stats')} icon={IconActivity} label="Statistics" testId="viewer-stats">
            <StatsPanel screen={screen} />
          </PanelButton>
          {touch && !onlyLooks && (
            <ToolButton
              icon={IconKeyboard}
              label={typing ? 'Hide the keyboard' : 'Keyboard'}
              onClick={() => setTyping(!typing)}
              testId="viewer-keyboard"
            />
          )}
          {owned && (
            <>
              <ToolButton icon={IconShare} label="Share" onClick={() => setSharing(true)} testId="viewer-share" />
              <Divider orientation="vertical" className={classes.divider} />
              <ToolButton icon={IconPlayerStop} label="End session" danger onClick={() => setConfirming(true)} testId="viewer-end" />
            </>
          )}
        </div>
        <button
          type="button"
          className={classes.handle}
          onClick={toggle}
          aria-expanded={shown}
          aria-label={shown ? 'Hide the toolbar' : 'Show the toolbar'}
          data-testid="viewer-handle"
        >
          <IconChevronDown size={16} style={{ transform: shown ? 'rotate(180deg)' : undefined }} aria-hidden />
        </button>
      </div>
      {typing && !onlyLooks && <TouchKeyboard screen={screen} onClose={() => setTyping(false)} />}
      <ShareModal session={owned ? session : undefined} label={label} opened={sharing} onClose={() => setSharing(false)} />
      <EndSessionModal session={session} label={label} opened={confirming} onClose={() => setConfirming(false)} />
    </>
  );
}

interface ToolButtonProps {
  icon: Icon;
  label: string;
  onClick: () => void;
  testId: string;
  danger?: boolean;
  expanded?: boolean;
}

const ToolButton = forwardRef<HTMLButtonElement, ToolButtonProps>(function ToolButton(
  { icon: Glyph, label, onClick, testId, danger, expanded },
  ref,
) {
  return (
    <Tooltip label={label} position="bottom" disabled={expanded}>
      <ActionIcon
        ref={ref}
        className={classes.button}
        data-danger={danger || undefined}
        size={38}
        onClick={onClick}
        aria-label={label}
        aria-expanded={expanded}
        data-testid={testId}
      >
        <Glyph size={20} stroke={1.7} />
      </ActionIcon>
    </Tooltip>
  );
});

interface PanelButtonProps {
  opened: boolean;
  onChange: (opened: boolean) => void;
  onToggle: () => void;
  icon: Icon;
  label: string;
  testId: string;
  children: ReactNode;
}

function PanelButton({ opened, onChange, onToggle, icon, label, testId, children }: PanelButtonProps) {
  return (
    <Popover opened={opened} onChange={onChange} position="bottom" offset={14} shadow="xl" radius="lg" trapFocus returnFocus width={320}>
      <Popover.Target>
        <ToolButton icon={icon} label={label} onClick={onToggle} testId={testId} expanded={opened} />
      </Popover.Target>
      <Popover.Dropdown aria-label={label} className={classes.dropdown}>
        {children}
      </Popover.Dropdown>
    </Popover>
  );
}

/** Ctrl, Alt and Shift together leave the session's screen, which swallows every other key. */
function useLeaveScreenKeys(leave: () => void) {
  const latest = useRef(leave);
  latest.current = leave;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey && event.altKey && event.shiftKey && ['Control', 'Alt', 'Shift'].includes(event.key)) {
        latest.current();
      }
    };
    window.addEventListener('keydown', onKey, { capture: true });
    return () => window.removeEventListener('keydown', onKey, { capture: true });
  }, []);
}
