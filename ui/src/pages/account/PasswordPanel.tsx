import { Button, Group } from '@mantine/core';
import { changePassword } from '@/api/account';
import { keys } from '@/api/keys';
import { Form } from '@/components/form/Form';
import { NewPassword } from '@/components/form/NewPassword';
import { PasswordField } from '@/components/form/PasswordField';
import { Panel } from '@/components/Panel';
import { useUser } from '@/hooks/queries';
import { useChange } from '@/hooks/useChange';
import { useFields } from '@/hooks/useFields';
import { notify } from '@/lib/notify';
import { PASSWORD_MIN } from '@/lib/password';

const EMPTY = { currentPassword: '', newPassword: '', again: '' };

export function PasswordPanel() {
  const user = useUser();
  const change = useChange((value: typeof EMPTY) => changePassword(value.currentPassword, value.newPassword), [keys.logins]);
  const fields = useFields(EMPTY, change.error);

  function submit() {
    const { currentPassword, newPassword, again } = fields.values;
    const wrong = fields.refuse({
      currentPassword: currentPassword ? undefined : 'Enter your present password',
      newPassword: [...newPassword].length >= PASSWORD_MIN ? undefined : `At least ${PASSWORD_MIN} characters`,
      again: again === newPassword ? undefined : 'The two are not the same',
    });
    if (wrong) return;
    change.mutate(fields.values, {
      onSuccess() {
        fields.reset(EMPTY);
        notify('Password changed', 'Other browsers have to sign in again.');
      },
    });
  }

  return (
    <Panel title="Password" text="Changing it signs out your other browsers." data-testid="password-panel">
      <Form onSubmit={submit} fields={fields} label="Change the password">
        {/* Lets password managers know whose it is. */}
        <input type="text" name="username" autoComplete="username" value={user.username} readOnly hidden />
        <PasswordField label="Present password" autoComplete="current-password" {...fields.text('currentPassword')} data-testid="password-current" />
        <NewPassword label="New password" {...fields.text('newPassword')} data-testid="password-new" />
        <PasswordField label="New password again" autoComplete="new-password" {...fields.text('again')} data-testid="password-again" />
        <Group justify="flex-end">
          <Button type="submit" disabled={!fields.changed} loading={change.isPending} data-testid="password-save">
            Change password
          </Button>
        </Group>
      </Form>
    </Panel>
  );
}
