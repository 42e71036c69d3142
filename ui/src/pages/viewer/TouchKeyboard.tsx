import { ActionIcon, Button } from '@mantine/core';
import { IconArrowDown, IconArrowLeft, IconArrowRight, IconArrowUp, IconX, type Icon } from '@tabler/icons-react';
import { useEffect, useRef } from 'react';
import { keyDown, keyUp, sendCombination, typeText, type KeyName } from '@/viewer/keys';
import type { Screen } from '@/viewer/screen';
import { HoldKeys } from './HoldKeys';
import classes from './Toolbar.module.css';
import { difference, PADDING } from './typed';

const ARROWS: { key: KeyName; label: string; icon: Icon }[] = [
  { key: 'Left', label: 'Left', icon: IconArrowLeft },
  { key: 'Up', label: 'Up', icon: IconArrowUp },
  { key: 'Down', label: 'Down', icon: IconArrowDown },
  { key: 'Right', label: 'Right', icon: IconArrowRight },
];

interface Props {
  screen: Screen | null;
  onClose: () => void;
}

/**
 * Touch keyboards give text, not keys: an unseen field takes it, and what is
 * typed or deleted there is sent on. Above it a row of the keys they lack.
 */
export function TouchKeyboard({ screen, onClose }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus({ preventScroll: true }), []);

  function onInput() {
    const element = field.current;
    if (!element || !screen) return;
    const { typed, deleted } = difference(element.value);
    for (let i = 0; i < deleted; i += 1) sendCombination(screen.rfb, ['BackSpace']);
    typeText(screen.rfb, typed);
    element.value = PADDING;
    element.setSelectionRange(PADDING.length, PADDING.length);
  }

  return (
    <div className={classes.keys} role="group" aria-label="Keyboard">
      <textarea
        ref={field}
        className={classes.field}
        aria-label="Text for the session"
        autoCapitalize="none"
        autoComplete="off"
        autoCorrect="off"
        spellCheck={false}
        defaultValue={PADDING}
        onInput={(event) => {
          if (!(event.nativeEvent as InputEvent).isComposing) onInput();
        }}
        onCompositionEnd={onInput}
      />
      {(['Escape', 'Tab'] as const).map((key) => (
        <Button
          key={key}
          size="compact-sm"
          variant="default"
          disabled={!screen}
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => screen && sendCombination(screen.rfb, [key])}
        >
          {key === 'Escape' ? 'Esc' : key}
        </Button>
      ))}
      <HoldKeys screen={screen} size="compact-sm" />
      {ARROWS.map(({ key, label, icon: Glyph }) => (
        <ActionIcon
          key={key}
          variant="default"
          size={26}
          disabled={!screen}
          aria-label={label}
          onPointerDown={(event) => {
            event.preventDefault();
            if (screen) keyDown(screen.rfb, key);
          }}
          onPointerUp={() => screen && keyUp(screen.rfb, key)}
          onPointerCancel={() => screen && keyUp(screen.rfb, key)}
        >
          <Glyph size={16} />
        </ActionIcon>
      ))}
      <ActionIcon variant="default" size={26} ml="auto" onClick={onClose} aria-label="Hide the keyboard">
        <IconX size={16} />
      </ActionIcon>
    </div>
  );
}
