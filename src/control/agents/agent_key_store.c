#include "control/agents/agent_key.h"

#include "base/id.h"
#include "control/secret.h"

int agent_find_key(struct db_conn *conn, const char *key, char *agent_id, struct err *err) {
    char hash[KEY_HEX_SIZE];
    int found = 0;
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (key && id_is_hex(key, KEY_HEX_SIZE - 1)) {
        secret_hash(key, hash);
        found = db_row(conn, &rows, err, "SELECT agent_id FROM agents WHERE key_hash = $1", "s", hash);
    }
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set(err, ERR_UNAUTHENTICATED, "bad_key", "the key is not an agent's");
    db_copy(rows, 0, agent_id, AGENT_ID_MAX + 1);
    return 0;
}
