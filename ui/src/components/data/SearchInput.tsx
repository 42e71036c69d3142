import { CloseButton, TextInput, type TextInputProps } from '@mantine/core';
import { useDebouncedCallback, useHotkeys } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';

interface Props extends Omit<TextInputProps, 'onChange' | 'value'> {
  value: string;
  onChange: (value: string) => void;
  /** What is searched: "users". */
  what: string;
  /** Whether "/" leads here. */
  hotkey?: boolean;
}

const PAUSE_MS = 300;

/** Tells others after a pause in the typing. */
export function SearchInput({ value, onChange, what, hotkey, ...props }: Props) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  const input = useRef<HTMLInputElement>(null);
  const tell = useDebouncedCallback((next: string) => {
    told.current = next;
    onChange(next);
  }, PAUSE_MS);
  useHotkeys(hotkey ? [['/', () => input.current?.focus()]] : []);

  // Set from elsewhere: "Clear the filters".
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setText(value);
  }, [value]);

  const change = (next: string) => {
    setText(next);
    tell(next.trim());
  };
  return (
    <TextInput
      ref={input}
      type="search"
      aria-label={`Search ${what}`}
      placeholder={`Search ${what}`}
      leftSection={<IconSearch size={16} aria-hidden />}
      value={text}
      onChange={(event) => change(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && text) {
          event.stopPropagation();
          change('');
        }
      }}
      rightSection={text ? <CloseButton size="sm" aria-label="Clear the search" onClick={() => change('')} /> : undefined}
      {...props}
    />
  );
}
