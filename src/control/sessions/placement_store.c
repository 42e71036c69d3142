#include "control/sessions/placement_store.h"

#include "base/str.h"

#include <stdlib.h>

void candidates_finish(struct candidates *candidates) {
    for (size_t i = 0; i < candidates->count; i++) {
        free(candidates->items[i].labels);
        free(candidates->items[i].missing_programs);
    }
    free(candidates->items);
    *candidates = (struct candidates){0};
}

static void read_candidate(struct db_rows *rows, struct candidate *ret) {
    db_copy(rows, 0, ret->agent_id, sizeof ret->agent_id);
    db_copy(rows, 1, ret->platform, sizeof ret->platform);
    db_copy(rows, 2, ret->region, sizeof ret->region);
    db_copy(rows, 3, ret->status, sizeof ret->status);
    ret->draining = db_int(rows, 4) != 0 || db_int(rows, 5) != 0;
    ret->connected = !db_is_null(rows, 6);
    ret->max_sessions = db_int(rows, 7);
    ret->cpu_millis = db_int(rows, 8);
    ret->memory_bytes = db_int(rows, 9);
    ret->labels = str_dup(db_text(rows, 10));
    ret->missing_programs = str_dup(db_text(rows, 11));
    ret->active = db_int(rows, 12);
    ret->used_cpu_millis = db_int(rows, 13);
    ret->used_memory_bytes = db_int(rows, 14);
}

int placement_store_load(struct db_conn *conn, const char *only_agent, struct candidates *ret,
                         struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    /* The inner SELECT reads the index sessions_active alone; its WHERE is that index's. */
    if (db_query(
            conn, &rows, err,
            "SELECT a.agent_id, a.platform, a.region, a.status, a.draining, a.self_draining, a.replica_id, "
            "a.max_sessions, a.cpu_millis, a.memory_bytes, COALESCE(a.given_labels, a.labels), "
            "a.missing_programs, "
            "COALESCE(u.sessions, 0), "
            "COALESCE(u.cpu, 0), COALESCE(u.memory, 0) "
            "FROM agents a LEFT JOIN (SELECT agent_id, COUNT(*) AS sessions, CAST(SUM(cpu_millis) AS BIGINT) "
            "AS cpu, "
            "CAST(SUM(memory_bytes) AS BIGINT) AS memory FROM sessions "
            "WHERE state IN ('pending', 'starting', 'running', 'hibernating', 'waking', 'terminating') "
            "GROUP BY agent_id) u ON u.agent_id = a.agent_id WHERE $1 IS NULL OR a.agent_id = $1 ORDER BY "
            "a.agent_id",
            "s", only_agent) < 0)
        return -1;
    size_t room = 0;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (ret->count == room)
            ret->items = mem_realloc(ret->items, (room = room ? room * 2 : 16) * sizeof *ret->items);
        read_candidate(rows, &ret->items[ret->count++]);
    }
    if (status < 0)
        candidates_finish(ret);
    return status;
}
