-- Settings have one name for flag, variable, file and database, and durations bear their unit.
UPDATE settings SET name = 'session-start-expires', value = value || 's' WHERE name = 'session.startExpires';
UPDATE settings SET name = 'session-start-deadline', value = value || 's' WHERE name = 'session.startDeadline';
UPDATE settings SET name = 'session-stop-deadline', value = value || 's' WHERE name = 'session.stopDeadline';
UPDATE settings SET name = 'command-ack-deadline', value = value || 's' WHERE name = 'command.ackDeadline';
UPDATE settings SET name = 'command-retry-max', value = value || 's' WHERE name = 'command.retryMax';
UPDATE settings SET name = 'session-start-attempts' WHERE name = 'session.startAttempts';
UPDATE settings SET name = 'agent-orphan-grace', value = value || 's' WHERE name = 'agent.orphanGrace';
UPDATE settings SET name = 'history-days' WHERE name = 'history.days';
UPDATE settings SET name = 'session-max-per-user' WHERE name = 'session.maxPerUser';
