-- What a session was asked to be given while its agent has not yet answered: cpu_millis and memory_bytes are
-- then the larger of before and after, so that nobody else gets what may still be held. NULL: nothing is open.
ALTER TABLE sessions ADD COLUMN wanted_cpu_millis BIGINT;
ALTER TABLE sessions ADD COLUMN wanted_memory_bytes BIGINT;
-- Its watchers were told that its maximum duration is nearly over.
ALTER TABLE sessions ADD COLUMN ends_warned INTEGER NOT NULL DEFAULT 0;
