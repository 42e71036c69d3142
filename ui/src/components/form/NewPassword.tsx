import { Text, type PasswordInputProps } from '@mantine/core';
import { useId } from 'react';
import { passwordStrength } from '@/lib/password';
import classes from './Form.module.css';
import { PasswordField } from './PasswordField';

/** A password that is being chosen: says how good it is while it is typed. */
export function NewPassword({ value, ...props }: PasswordInputProps & { value: string }) {
  const id = useId();
  const { level, text } = passwordStrength(value);
  return (
    <div>
      <PasswordField autoComplete="new-password" value={value} aria-describedby={id} {...props} />
      <div className={classes.strength} data-weak={level < 3 || undefined} aria-hidden>
        {[1, 2, 3, 4].map((step) => (
          <span key={step} data-on={level >= step || undefined} />
        ))}
      </div>
      <Text id={id} fz="xs" c="dimmed" mt={6}>
        {/* What is wrong stands there already. */}
        {!props.error && text}
      </Text>
    </div>
  );
}
