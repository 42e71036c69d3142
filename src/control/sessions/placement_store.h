/* SQL of placement: every agent with what its active sessions ask of it. */
#ifndef SS_CONTROL_PLACEMENT_STORE_H
#define SS_CONTROL_PLACEMENT_STORE_H

#include "control/sessions/placement.h"

#include <stdbool.h>

struct candidate {
    char agent_id[AGENT_ID_MAX + 1];
    char platform[16], region[64], status[16];
    bool draining, connected;
    int64_t max_sessions, cpu_millis, memory_bytes;
    int64_t active, used_cpu_millis, used_memory_bytes;
    char *labels, *missing_programs; /* JSON, owned; may be NULL */
};
struct candidates {
    struct candidate *items;
    size_t count;
};
/* Ordered by agentId. `only_agent` may be NULL. */
int placement_store_load(struct db_conn *conn, const char *only_agent, struct candidates *ret,
                         struct err *err);
void candidates_finish(struct candidates *candidates);

#endif
