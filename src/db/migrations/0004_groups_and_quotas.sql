CREATE TABLE groups (
    id {{serial}},
    name TEXT NOT NULL UNIQUE,
    display_name TEXT,
    description TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE group_memberships (
    group_id BIGINT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('member', 'manager')),
    created_at TEXT NOT NULL,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_memberships_user ON group_memberships (user_id);

-- Limits of one user or of one group; NULL is no limit. What is used is never kept here: it is added up.
CREATE TABLE quotas (
    id {{serial}},
    user_id BIGINT UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    group_id BIGINT UNIQUE REFERENCES groups (id) ON DELETE CASCADE,
    max_sessions BIGINT,
    max_cpu_millis BIGINT,
    max_memory_bytes BIGINT,
    max_storage_bytes BIGINT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CHECK ((user_id IS NULL AND group_id IS NOT NULL) OR (user_id IS NOT NULL AND group_id IS NULL))
);

-- Persistent homes: one of each user on each agent that he had one on. They outlive their sessions.
CREATE TABLE homes (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    agent_id TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    used_at TEXT NOT NULL,
    PRIMARY KEY (user_id, agent_id)
);

-- Quotas add up what a user's live sessions hold: from this index alone.
CREATE INDEX sessions_held ON sessions (user_id, state, cpu_millis, memory_bytes)
    WHERE state NOT IN ('terminated', 'failed');
