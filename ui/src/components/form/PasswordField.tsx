import { PasswordInput, Text, type PasswordInputProps } from '@mantine/core';
import { IconArrowBigUpLine } from '@tabler/icons-react';
import { forwardRef, useState, type KeyboardEvent } from 'react';
import classes from './Form.module.css';

/** A password with a button to see it, and a word when Caps Lock is on. */
export const PasswordField = forwardRef<HTMLInputElement, PasswordInputProps>(function PasswordField(props, ref) {
  const [capsLock, setCapsLock] = useState(false);
  const watchCaps = (event: KeyboardEvent) => setCapsLock(event.getModifierState?.('CapsLock') ?? false);
  return (
    <div>
      <PasswordInput
        ref={ref}
        onKeyDown={watchCaps}
        onKeyUp={watchCaps}
        onBlur={() => setCapsLock(false)}
        // Mantine says so to the eye only.
        aria-invalid={props.error ? true : undefined}
        visibilityToggleButtonProps={{ 'aria-label': 'Show the password', tabIndex: 0 }}
        {...props}
      />
      <Text role="status" fz="sm" c="dimmed" className={classes.caps}>
        {capsLock && (
          <>
            <IconArrowBigUpLine size={15} style={{ verticalAlign: -2 }} aria-hidden /> Caps Lock is on
          </>
        )}
      </Text>
    </div>
  );
});
