-- Templates are edited: switched off, restricted to groups, told apart by version.
ALTER TABLE templates ADD COLUMN enabled INTEGER NOT NULL DEFAULT 1;
ALTER TABLE templates ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE templates ADD COLUMN updated_by TEXT;

-- No rows: everybody may use it. Groups go by name, as templates do.
CREATE TABLE template_groups (
    template_name TEXT NOT NULL REFERENCES templates (name) ON DELETE CASCADE,
    group_name TEXT NOT NULL,
    PRIMARY KEY (template_name, group_name)
);
CREATE INDEX template_groups_group ON template_groups (group_name);

-- One row, whose number rises with whatever changes what the catalogue shows: templates, and which agents are there.
CREATE TABLE catalogue (
    id INTEGER NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO catalogue (id, version) VALUES (1, 1);
