import { Button } from '@mantine/core';
import { IconCloudOff } from '@tabler/icons-react';
import { useParams } from 'react-router-dom';
import { ApiError, errorText } from '@/api/http';
import { EmptyState } from '@/components/EmptyState';
import { Splash } from '@/components/FullPage';
import { useSession, useTemplates } from '@/hooks/queries';
import { EndScreen } from './EndScreen';
import { SessionView } from './SessionView';

export function ViewerPage() {
  const { name = '' } = useParams();
  const session = useSession(name);
  const { data: templates } = useTemplates();

  if (session.data) {
    const template = templates?.find((entry) => entry.name === session.data.template);
    return <SessionView key={name} session={session.data} template={template} />;
  }
  if (session.isPending) return <Splash />;
  if (session.error instanceof ApiError && session.error.status === 404) return <EndScreen kind="gone" />;
  return (
    <main>
      <EmptyState icon={IconCloudOff} order={1} title="The session could not be loaded" text={errorText(session.error)} alert>
        <Button mt="sm" onClick={() => void session.refetch()} loading={session.isFetching}>
          Try again
        </Button>
      </EmptyState>
    </main>
  );
}
