-- Whom identity providers know: (issuer, subject) is theirs and never reused (OpenID Connect Core section 5.7).
CREATE TABLE external_identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    used_at TEXT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX external_identities_user ON external_identities (user_id);

-- NULL: by hand. 'oidc': by the provider's claim, which may take it away again.
ALTER TABLE group_memberships ADD COLUMN source TEXT;
