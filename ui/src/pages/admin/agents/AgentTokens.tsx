import { ActionIcon, Text, Tooltip } from '@mantine/core';
import { IconTrash } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { keys } from '@/api/keys';
import { deleteAgentToken, type AgentToken } from '@/api/operation';
import { Panel } from '@/components/Panel';
import { useAgentTokens } from '@/hooks/operation';
import { useChange } from '@/hooks/useChange';
import { serverNow } from '@/lib/clock';
import { formatTime, parseTime } from '@/lib/duration';
import { notify, notifyError } from '@/lib/notify';
import classes from '../Admin.module.css';

/** Enrolment tokens that somebody could still use. Nothing where there are none. */
export function AgentTokens() {
  const client = useQueryClient();
  const tokens = useAgentTokens(true);
  const remove = useChange(deleteAgentToken, [keys.agentTokens]);
  const open = (tokens.data ?? []).filter((token) => !token.usedAt && (parseTime(token.expiresAt) ?? Infinity) > serverNow());
  if (open.length === 0) return null;

  function revoke(token: AgentToken) {
    client.setQueryData<AgentToken[]>(keys.agentTokens, (old) => old?.filter((other) => other.id !== token.id));
    remove.mutate(token.id, {
      onSuccess: () => notify('Token revoked'),
      onError: (error) => notifyError('The token could not be revoked', error),
    });
  }

  return (
    <div style={{ marginTop: 20 }}>
      <Panel title="Enrolment tokens" text="Made, and not used yet.">
        <ul className={classes.tokens}>
          {open.map((token) => (
            <li key={token.id}>
              <div style={{ flex: 1, minWidth: 0 }}>
                <Text fz="sm" fw={600}>
                  {token.agentId ?? 'For any agent'}
                </Text>
                <Text fz={12.5} c="dimmed">
                  {token.createdBy ? `Made by ${token.createdBy} · ` : ''}valid until {formatTime(token.expiresAt)}
                </Text>
              </div>
              <Tooltip label="Revoke">
                <ActionIcon size={36} onClick={() => revoke(token)} aria-label={`Revoke the token for ${token.agentId ?? 'any agent'}`}>
                  <IconTrash size={18} />
                </ActionIcon>
              </Tooltip>
            </li>
          ))}
        </ul>
      </Panel>
    </div>
  );
}
