import { Button, Group as Row, Modal, Text, Textarea, TextInput } from '@mantine/core';
import { ApiError, errorText } from '@/api/http';
import { keys } from '@/api/keys';
import { createGroup } from '@/api/people';
import { Form } from '@/components/form/Form';
import { useChange } from '@/hooks/useChange';
import { useFields } from '@/hooks/useFields';
import { notify } from '@/lib/notify';

interface Props {
  opened: boolean;
  onClose: () => void;
  onMade: (name: string) => void;
}

export function NewGroupModal({ opened, onClose, onMade }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} title={<Text fw={650}>New group</Text>}>
      <GroupForm
        onMade={(name) => {
          onClose();
          onMade(name);
        }}
      />
    </Modal>
  );
}

function GroupForm({ onMade }: { onMade: (name: string) => void }) {
  const create = useChange(createGroup, [keys.groups]);
  const fields = useFields({ name: '', displayName: '', description: '' }, create.error);
  const taken = create.error instanceof ApiError && create.error.status === 409;
  const name = fields.text('name');

  function submit() {
    const text = fields.values.name.trim();
    if (fields.refuse({ name: text ? undefined : 'Choose a name' })) return;
    const { displayName, description } = fields.values;
    create.mutate(
      { name: text, displayName: displayName.trim() || undefined, description: description.trim() || undefined },
      {
        onSuccess(group) {
          notify('Group created', group.displayName || group.name);
          onMade(group.name);
        },
      },
    );
  }

  return (
    <Form onSubmit={submit} fields={taken ? { ...fields, formError: undefined } : fields}>
      <TextInput
        label="Name"
        description="Lower-case letters, digits and dashes; it stays as it is"
        data-autofocus
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        {...name}
        onChange={(event) => {
          if (taken) create.reset();
          name.onChange(event);
        }}
        error={name.error ?? (taken ? errorText(create.error) : undefined)}
        data-testid="group-name"
      />
      <TextInput label="Shown as" placeholder="Optional" autoComplete="off" {...fields.text('displayName')} data-testid="group-display-name" />
      <Textarea label="Description" placeholder="Optional" autosize minRows={2} maxRows={6} {...fields.text('description')} />
      <Row justify="flex-end">
        <Button type="submit" loading={create.isPending} data-testid="group-create">
          Create group
        </Button>
      </Row>
    </Form>
  );
}
