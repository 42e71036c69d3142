#include "control/sessions/placement.h"

#include "base/str.h"
#include "base/units.h"
#include "control/json_text.h"
#include "control/sessions/placement_store.h"
#include "control/templates/availability.h"

#include <stdlib.h>

void refusals_finish(struct refusals *refusals) {
    free(refusals->items);
    *refusals = (struct refusals){0};
}

static void refuse(struct refusals *refusals, const char *agent_id, const char *reason) {
    if (!refusals || refusals->count == REFUSALS_MAX)
        return;
    if (!refusals->items)
        refusals->items = mem_zalloc(REFUSALS_MAX * sizeof *refusals->items);
    struct refusal *refusal = &refusals->items[refusals->count++];
    str_copy(refusal->agent_id, sizeof refusal->agent_id, agent_id);
    str_copy(refusal->reason, sizeof refusal->reason, reason);
}

/* `placement: {region, labels}` of the template against the agent's. */
static bool suits(const struct template *template, const struct candidate *agent, char *reason) {
    const json_t *wanted = json_object_get(template->spec, "placement");
    const char *region = json_string_value(json_object_get(wanted, "region")), *name;
    json_t *value, *labels = json_object_get(wanted, "labels");
    if (region && !str_eq(region, agent->region)) {
        snprintf(reason, REFUSAL_REASON_MAX, "is not in region %.60s", region);
        return false;
    }
    if (!labels)
        return true;
    json_t *has = json_object_of(agent->labels);
    bool all = true;
    json_object_foreach (labels, name, value) {
        if (!str_eq(json_string_value(value), json_string_value(json_object_get(has, name)))) {
            snprintf(reason, REFUSAL_REASON_MAX, "lacks the label %.60s", name);
            all = false;
            break;
        }
    }
    json_decref(has);
    return all;
}

static bool has_programs(const struct template *template, const struct candidate *agent, char *reason) {
    char why[TEMPLATE_REASON_MAX];
    if (str_empty(agent->missing_programs) || str_eq(agent->missing_programs, "{}"))
        return true;
    json_t *missing = json_object_of(agent->missing_programs);
    const char *lacks = template_lacks(template, missing, why);
    if (lacks)
        str_copy(reason, REFUSAL_REASON_MAX, lacks);
    json_decref(missing);
    return !lacks;
}

static bool has_place(const struct candidate *agent, char *reason) {
    if (agent->active < agent->max_sessions)
        return true;
    snprintf(reason, REFUSAL_REASON_MAX, "is full: %lld of %lld sessions", (long long)agent->active,
             (long long)agent->max_sessions);
    return false;
}

static bool has_room(const struct placement_wish *wish, const struct candidate *agent, char *reason) {
    char wanted[UNITS_TEXT_SIZE], left[UNITS_TEXT_SIZE];
    int64_t cpu = agent->cpu_millis - agent->used_cpu_millis,
            memory = agent->memory_bytes - agent->used_memory_bytes;
    if (wish->cpu_millis > 0 && wish->cpu_millis > cpu) {
        snprintf(reason, REFUSAL_REASON_MAX, "has not enough CPU left: %s of the %s asked for",
                 cpu_format(cpu > 0 ? cpu : 0, left), cpu_format(wish->cpu_millis, wanted));
        return false;
    }
    if (wish->memory_bytes > 0 && wish->memory_bytes > memory) {
        snprintf(reason, REFUSAL_REASON_MAX, "has not enough memory left: %s of the %s asked for",
                 bytes_format(memory > 0 ? memory : 0, left), bytes_format(wish->memory_bytes, wanted));
        return false;
    }
    return true;
}

/* Why not? NULL: it can be taken. */
static const char *refusal_of(const struct placement_wish *wish, const struct candidate *agent,
                              char *reason) {
    if (!agent->connected || str_eq(agent->status, "offline"))
        return "is offline";
    if (!str_eq(agent->status, "online"))
        return "is degraded: its heartbeats are late";
    if (agent->draining)
        return "is draining";
    if (template_is_foreign(wish->template, agent->platform)) {
        snprintf(reason, REFUSAL_REASON_MAX, "its runtime %s is not one of the template's", agent->platform);
        return reason;
    }
    if (!suits(wish->template, agent, reason) || !has_programs(wish->template, agent, reason) ||
        !has_place(agent, reason) || !has_room(wish, agent, reason))
        return reason;
    return NULL;
}

/* Is a less loaded than b? By active ÷ maxSessions, without the division. Equal: the first by name, which is
 * a's place. */
static bool less_loaded(const struct candidate *a, const struct candidate *b) {
    return (__int128)a->active * b->max_sessions < (__int128)b->active * a->max_sessions;
}

int placement_choose(struct db_conn *conn, const struct placement_wish *wish, char *agent_id, char *platform,
                     struct refusals *refusals, struct err *err) {
    struct candidates candidates = {0};
    struct refusals why = {0};
    if (db_lock(conn, "placement", err) < 0 ||
        placement_store_load(conn, wish->only_agent, &candidates, err) < 0)
        return -1;
    const struct candidate *best = NULL;
    for (size_t i = 0; i < candidates.count; i++) {
        char text[REFUSAL_REASON_MAX];
        const struct candidate *agent = &candidates.items[i];
        const char *reason = refusal_of(wish, agent, text);
        if (reason)
            refuse(&why, agent->agent_id, reason);
        else if (!best || less_loaded(agent, best))
            best = agent;
    }
    int status = 0;
    if (best) {
        str_copy(agent_id, AGENT_ID_MAX + 1, best->agent_id);
        str_copy(platform, 16, best->platform);
    } else if (candidates.count == 0)
        status = err_set(err, ERR_UNAVAILABLE, "no_agent", "no agent is registered");
    else if (why.count == 1)
        status = err_set(err, ERR_UNAVAILABLE, "no_agent", "no agent can run it: %s %s",
                         why.items[0].agent_id, why.items[0].reason);
    else
        status =
            err_set(err, ERR_UNAVAILABLE, "no_agent", "none of the %zu agents can run it", candidates.count);
    if (!best && refusals) {
        *refusals = why;
        why = (struct refusals){0};
    }
    refusals_finish(&why);
    candidates_finish(&candidates);
    return status;
}

int placement_grow(struct db_conn *conn, const char *agent_id, int64_t cpu_millis, int64_t memory_bytes,
                   struct refusals *refusals, struct err *err) {
    struct candidates candidates = {0};
    char reason[REFUSAL_REASON_MAX] = "is not known any more";
    struct placement_wish wish = {.cpu_millis = cpu_millis, .memory_bytes = memory_bytes};
    if (db_lock(conn, "placement", err) < 0 || placement_store_load(conn, agent_id, &candidates, err) < 0)
        return -1;
    bool room = candidates.count == 1 && has_room(&wish, &candidates.items[0], reason);
    candidates_finish(&candidates);
    if (room)
        return 0;
    refuse(refusals, agent_id, reason);
    return err_set(err, ERR_UNAVAILABLE, "no_agent", "the session's agent has not the room: %s %s", agent_id,
                   reason);
}
