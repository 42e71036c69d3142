-- Labels that an administrator gave an agent, instead of those that it registers with. NULL: its own.
ALTER TABLE agents ADD COLUMN given_labels TEXT;
