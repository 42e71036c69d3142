-- Who else may see or use a session: a user, or whoever has the link (its token stands here as SHA-256).
CREATE TABLE session_shares (
    id {{serial}},
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    token_hash TEXT UNIQUE,
    mode TEXT NOT NULL CHECK (mode IN ('view', 'control')),
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    CHECK ((user_id IS NULL AND token_hash IS NOT NULL) OR (user_id IS NOT NULL AND token_hash IS NULL)),
    UNIQUE (session_id, user_id)
);
CREATE INDEX session_shares_user ON session_shares (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX session_shares_expires ON session_shares (expires_at) WHERE expires_at IS NOT NULL;

-- The share that a ticket goes back to; NULL: the right of an owner or operator. Whoever came by a link has
-- user 0.
ALTER TABLE tickets ADD COLUMN share_id BIGINT;
