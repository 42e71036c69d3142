-- When somebody last signed in; whether a code is asked for then.
ALTER TABLE users ADD COLUMN last_login_at TEXT;
ALTER TABLE users ADD COLUMN mfa_enabled INTEGER NOT NULL DEFAULT 0;

-- What a login began with: 'password', 'oidc', or 'key' for the login that stands behind an API key.
ALTER TABLE logins ADD COLUMN kind TEXT NOT NULL DEFAULT 'password';

-- The login of a key lives as long as the key: ending it ends what the key has opened.
CREATE TABLE api_keys (
    id {{serial}},
    login_id BIGINT NOT NULL UNIQUE REFERENCES logins (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    last_used_at TEXT
);
CREATE INDEX api_keys_user ON api_keys (user_id, id);
