-- A retired key is forgotten but for its name: a JWT_SECRET that made it does not make it again.
ALTER TABLE signing_keys ADD COLUMN retired_at TEXT;

-- What servers share and nobody else knows, by purpose.
CREATE TABLE server_secrets (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    created_at TEXT NOT NULL
);
