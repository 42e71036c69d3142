-- The words of the contract; what administrators look for by user and by action is found by index.
UPDATE audit_log SET outcome = 'allowed' WHERE outcome = 'success';
UPDATE audit_log SET outcome = 'refused' WHERE outcome = 'denied';
UPDATE audit_log SET outcome = 'failed' WHERE outcome = 'failure';
CREATE INDEX audit_log_user ON audit_log (username, id);
CREATE INDEX audit_log_action ON audit_log (action, id);
