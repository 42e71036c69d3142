#include "control/templates/availability.h"

#include "control/json_text.h"

int availability_load(struct db_conn *conn, struct availability *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT platform, missing_programs, agent_id FROM agents WHERE status = 'online' ORDER BY "
                 "agent_id "
                 "LIMIT $1",
                 "i", (int64_t)AVAILABILITY_AGENTS_MAX) < 0)
        return -1;
    int status;
    ret->count = 0;
    while (ret->count < AVAILABILITY_AGENTS_MAX && (status = db_next(rows, err)) != 0) {
        if (status < 0) {
            availability_finish(ret);
            return -1;
        }
        db_copy(rows, 0, ret->agents[ret->count].platform, sizeof ret->agents[ret->count].platform);
        db_copy(rows, 2, ret->agents[ret->count].agent_id, sizeof ret->agents[ret->count].agent_id);
        ret->agents[ret->count++].missing = json_object_of(db_text(rows, 1));
    }
    return 0;
}
