import { notifications } from '@mantine/notifications';
import { errorText } from '@/api/http';

export function notifyError(title: string, error: unknown): void {
  notifications.show({ color: 'red', title, message: errorText(error), autoClose: 9000, styles: { description: { whiteSpace: 'pre-line' } } });
}

export function notify(title: string, message?: string, color = 'tide'): void {
  notifications.show({ color, title, message: message ?? '' });
}
