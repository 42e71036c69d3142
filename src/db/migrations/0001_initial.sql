-- Types are TEXT, INTEGER, BIGINT; {{serial}} is a key that numbers itself. Times ("…_at", "…_since") are RFC 3339 texts,
-- "…_due" are milliseconds of steady time (control/settings/settings.h), booleans are 0 and 1.

CREATE TABLE users (
    id {{serial}},
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    role TEXT NOT NULL CHECK (role IN ('user', 'operator', 'admin')),
    active INTEGER NOT NULL DEFAULT 1,
    full_name TEXT,
    email TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE signing_keys (
    id {{serial}},
    kid TEXT NOT NULL UNIQUE,
    secret TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE logins (
    id {{serial}},
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    cookie_hash TEXT NOT NULL UNIQUE,
    address TEXT,
    user_agent TEXT,
    created_at TEXT NOT NULL,
    used_at TEXT NOT NULL,
    ended_at TEXT
);
CREATE INDEX logins_user ON logins (user_id);

-- Used ones stay as long as their login: the second use of one is a theft.
CREATE TABLE refresh_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    login_id BIGINT NOT NULL REFERENCES logins (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    used_at TEXT
);
CREATE INDEX refresh_tokens_login ON refresh_tokens (login_id);

CREATE TABLE templates (
    name TEXT NOT NULL PRIMARY KEY,
    display_name TEXT NOT NULL,
    description TEXT,
    category TEXT,
    protocol TEXT NOT NULL,
    tags TEXT NOT NULL DEFAULT '',
    spec TEXT NOT NULL,
    builtin INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE agents (
    agent_id TEXT NOT NULL PRIMARY KEY,
    platform TEXT NOT NULL,
    region TEXT,
    status TEXT NOT NULL CHECK (status IN ('online', 'degraded', 'offline')),
    draining INTEGER NOT NULL DEFAULT 0,
    self_draining INTEGER NOT NULL DEFAULT 0,
    key_hash TEXT NOT NULL,
    enrolled_by TEXT,
    capacity TEXT NOT NULL,
    max_sessions BIGINT NOT NULL,
    cpu_millis BIGINT NOT NULL,
    memory_bytes BIGINT NOT NULL,
    labels TEXT NOT NULL,
    metadata TEXT NOT NULL,
    missing_programs TEXT,
    runtime TEXT,
    capabilities TEXT,
    version TEXT,
    instance_id TEXT,
    generation BIGINT NOT NULL DEFAULT 0,
    replica_id TEXT,
    connected_at TEXT,
    last_heartbeat TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE agent_tokens (
    token_hash TEXT NOT NULL PRIMARY KEY,
    agent_id TEXT,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    used_by TEXT,
    used_at TEXT
);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    template_name TEXT NOT NULL,
    protocol TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'starting', 'running', 'hibernating', 'hibernated', 'waking',
        'terminating', 'terminated', 'failed')),
    state_since TEXT NOT NULL,
    state_due BIGINT,
    stage TEXT,
    reason TEXT,
    cpu_millis BIGINT NOT NULL,
    memory_bytes BIGINT NOT NULL,
    persistent_home INTEGER NOT NULL DEFAULT 0,
    agent_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    start_command TEXT NOT NULL,
    idle_timeout BIGINT NOT NULL DEFAULT 0,
    max_duration BIGINT NOT NULL DEFAULT 0,
    ends_due BIGINT,
    hibernate_mode TEXT,
    viewers BIGINT NOT NULL DEFAULT 0,
    usage_cpu_millis BIGINT NOT NULL DEFAULT 0,
    usage_memory_bytes BIGINT NOT NULL DEFAULT 0,
    tags TEXT NOT NULL DEFAULT '[]',
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT
);
CREATE INDEX sessions_newest ON sessions (created_at, id);
CREATE INDEX sessions_user ON sessions (user_id, created_at, id);
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
-- Placement adds up what active sessions ask of each agent: from this index alone.
CREATE INDEX sessions_active ON sessions (agent_id, state, cpu_millis, memory_bytes)
    WHERE state IN ('pending', 'starting', 'running', 'hibernating', 'waking', 'terminating');
CREATE INDEX sessions_live ON sessions (agent_id) WHERE state NOT IN ('terminated', 'failed');
CREATE INDEX sessions_due ON sessions (state_due) WHERE state_due IS NOT NULL;
CREATE INDEX sessions_ends ON sessions (ends_due) WHERE ends_due IS NOT NULL;

CREATE TABLE agent_commands (
    seq {{serial}},
    command_id TEXT NOT NULL UNIQUE,
    agent_id TEXT NOT NULL,
    session_id TEXT,
    action TEXT NOT NULL,
    payload TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'sent', 'acknowledged', 'completed', 'failed')),
    error_message TEXT,
    result TEXT,
    -- The attempt that was sent last; `fresh` says that the next delivery is a new one.
    attempts INTEGER NOT NULL DEFAULT 0,
    fresh INTEGER NOT NULL DEFAULT 1,
    generation BIGINT,
    deadline_seconds BIGINT NOT NULL DEFAULT 0,
    deadline_due BIGINT,
    expires_due BIGINT,
    ack_due BIGINT,
    retry_due BIGINT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    sent_at TEXT,
    acknowledged_at TEXT,
    completed_at TEXT
);
CREATE INDEX agent_commands_open ON agent_commands (agent_id, seq)
    WHERE status IN ('pending', 'sent', 'acknowledged');
-- Is an earlier command of the session still under way?
CREATE INDEX agent_commands_order ON agent_commands (session_id, agent_id, seq)
    WHERE status IN ('pending', 'sent', 'acknowledged');
CREATE INDEX agent_commands_session ON agent_commands (session_id, seq);
CREATE INDEX agent_commands_ack ON agent_commands (ack_due) WHERE ack_due IS NOT NULL;
CREATE INDEX agent_commands_retry ON agent_commands (agent_id, retry_due) WHERE retry_due IS NOT NULL;
CREATE INDEX agent_commands_expires ON agent_commands (expires_due) WHERE expires_due IS NOT NULL;

-- What agents run and nobody wants, since when.
CREATE TABLE orphans (
    agent_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    first_seen_at TEXT NOT NULL,
    stop_due BIGINT NOT NULL,
    command_id TEXT,
    PRIMARY KEY (agent_id, session_id)
);

CREATE TABLE tickets (
    ticket_hash TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    login_id BIGINT,
    mode TEXT NOT NULL,
    expires_due BIGINT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE events (
    id {{serial}},
    kind TEXT NOT NULL,
    audience TEXT NOT NULL,
    data TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX events_created ON events (created_at);

CREATE TABLE audit_log (
    id {{serial}},
    created_at TEXT NOT NULL,
    user_id BIGINT,
    username TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT,
    outcome TEXT NOT NULL,
    address TEXT,
    request_id TEXT,
    detail TEXT
);
CREATE INDEX audit_log_created ON audit_log (created_at);
CREATE INDEX audit_log_target ON audit_log (target);

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE steady_clock (
    id INTEGER NOT NULL PRIMARY KEY,
    ms BIGINT NOT NULL,
    boot_id TEXT NOT NULL,
    boot_ms BIGINT NOT NULL
);
