import { Modal, Text } from '@mantine/core';
import { TemplateForm } from './TemplateForm';

interface Props {
  opened: boolean;
  onClose: () => void;
  onMade: (name: string) => void;
}

export function NewTemplateModal({ opened, onClose, onMade }: Props) {
  return (
    <Modal opened={opened} onClose={onClose} size={620} title={<Text fw={650}>New template</Text>}>
      <TemplateForm
        onSaved={(name) => {
          onClose();
          onMade(name);
        }}
      />
    </Modal>
  );
}
