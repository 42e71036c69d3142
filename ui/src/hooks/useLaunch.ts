import { useNavigate } from 'react-router-dom';
import { ApiError } from '@/api/http';
import type { CreateSession } from '@/api/types';
import { notifyError } from '@/lib/notify';
import { useCreateSession } from './queries';

/** Creates a session and goes to it; its page shows how it comes up. */
export function useLaunch() {
  const navigate = useNavigate();
  const create = useCreateSession();
  return {
    launch(body: CreateSession) {
      create.mutate(body, {
        onSuccess: (session) => navigate(`/sessions/${session.name}`),
        onError: (error) => notifyError('Could not launch', withReasons(error)),
      });
    },
    /** The template that is being launched just now. */
    launching: create.isPending ? create.variables?.template : undefined,
  };
}

/** "Nothing can run it" is no answer; why each machine refused is one. */
export function withReasons(error: unknown): unknown {
  if (!(error instanceof ApiError) || !error.problem.agents?.length) return error;
  const reasons = error.problem.agents.map(({ agentId, reason }) => `${agentId}: ${reason}`);
  return new Error([error.message, ...reasons].join('\n'));
}
