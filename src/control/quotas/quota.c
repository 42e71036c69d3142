#include "control/quotas/quota.h"

#include "base/units.h"
#include "control/quotas/quota_store.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct {
    const char *name, *field;
    bool text; /* shown as a quantity; else as a number */
    const char *(*format)(int64_t amount, char *text);
    int64_t most;
} resources[QUOTA_RESOURCES] = {
    [QUOTA_SESSIONS] = {"sessions", "maxSessions", false, NULL, QUOTA_SESSIONS_MAX},
    [QUOTA_CPU] = {"cpu", "maxCpu", true, cpu_format, (int64_t)1000 * 1000 * 1000},
    [QUOTA_MEMORY] = {"memory", "maxMemory", true, bytes_format, (int64_t)1 << 56},
    [QUOTA_STORAGE] = {"storage", "maxStorage", true, bytes_format, (int64_t)1 << 56},
};

const char *quota_resource_name(enum quota_resource resource) {
    return resources[resource].name;
}

/* --- as the API shows it --- */

static void put_amount(struct json_writer *w, const char *key, enum quota_resource resource, int64_t amount) {
    char text[UNITS_TEXT_SIZE];
    if (resources[resource].text)
        jsonw_put_string(w, key, resources[resource].format(amount, text));
    else
        jsonw_put_int(w, key, amount);
}

void quota_write_json(const struct quota *quota, const struct quota_use *used, struct json_writer *w) {
    jsonw_object_begin(w);
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        if (quota->max[i] == QUOTA_NO_LIMIT)
            jsonw_put_null(w, resources[i].field);
        else
            put_amount(w, resources[i].field, (enum quota_resource)i, quota->max[i]);
    }
    jsonw_put_object(w, "used");
    for (int i = 0; i < QUOTA_RESOURCES; i++)
        put_amount(w, resources[i].name, (enum quota_resource)i, used->amount[i]);
    jsonw_object_end(w);
    jsonw_object_end(w);
}

void quota_refusal_write(const struct quota_refusal *refusal, struct json_writer *w) {
    jsonw_put_string(w, "scope", refusal->group ? "group" : "user");
    jsonw_put_string(w, "name", refusal->name);
    jsonw_put_string(w, "resource", resources[refusal->resource].name);
    put_amount(w, "limit", refusal->resource, refusal->limit);
    put_amount(w, "used", refusal->resource, refusal->used);
}

/* --- reading and setting --- */

static int find_owner(struct db_conn *conn, const struct quota_of *of, struct quota_owner *ret,
                      struct err *err) {
    struct user user;
    struct group group;
    ret->group = of->group;
    if (of->group ? group_get(conn, of->name, &group, err) < 0 : user_find(conn, of->name, &user, err) < 0)
        return -1;
    ret->id = of->group ? group.id : user.id;
    return 0;
}

int quota_get(struct db_conn *conn, const struct quota_of *of, struct quota *ret, struct quota_use *ret_used,
              struct err *err) {
    struct quota_owner owner;
    if (find_owner(conn, of, &owner, err) < 0 || quota_store_find(conn, &owner, ret, err) < 0)
        return -1;
    return quota_store_used(conn, &owner, ret_used, err);
}

static int check_bounds(const struct quota *quota, struct err *err) {
    char text[UNITS_TEXT_SIZE];
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        int64_t value = quota->max[i], most = resources[i].most;
        if (value == QUOTA_NO_LIMIT || (value >= 0 && value <= most))
            continue;
        if (!resources[i].text)
            return err_set_field(err, ERR_INVALID, "invalid_field", resources[i].field,
                                 "must be from 0 to %" PRId64, most);
        return err_set_field(err, ERR_INVALID, "invalid_field", resources[i].field, "must be from 0 to %s",
                             resources[i].format(most, text));
    }
    return 0;
}

/* For the audit log: "sessions 5, cpu 4, memory 8Gi, storage none". */
static void describe(const struct quota *quota, char *text, size_t size) {
    char amount[UNITS_TEXT_SIZE];
    struct strbuf out = {.data = text, .capacity = size, .max = size - 1, .fixed = true};
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        snprintf(amount, sizeof amount, "%" PRId64, quota->max[i]);
        if (quota->max[i] != QUOTA_NO_LIMIT && resources[i].text)
            resources[i].format(quota->max[i], amount);
        strbuf_printf(&out, "%s%s %s", i ? ", " : "", resources[i].name,
                      quota->max[i] == QUOTA_NO_LIMIT ? "none" : amount);
    }
}

static int audit(struct db_conn *conn, const struct actor *actor, const struct quota_of *of, const char *verb,
                 const char *detail, struct err *err) {
    char action[AUDIT_ACTION_MAX];
    snprintf(action, sizeof action, "%s.%s", of->group ? "group" : "user", verb);
    return audit_write(conn, actor, action, of->name, "success", detail, err);
}

static int set(struct db_conn *conn, const struct actor *actor, const struct quota_of *of,
               const struct quota *quota, struct err *err) {
    char detail[160];
    struct quota_owner owner;
    describe(quota, detail, sizeof detail);
    if (find_owner(conn, of, &owner, err) < 0 || quota_store_put(conn, &owner, quota, err) < 0)
        return -1;
    return audit(conn, actor, of, "set-quota", detail, err);
}

int quota_set(struct db_conn *conn, const struct actor *actor, const struct quota_of *of,
              const struct quota *quota, struct err *err) {
    if (check_bounds(quota, err) < 0 || db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, set(conn, actor, of, quota, err), err);
}

static int clear(struct db_conn *conn, const struct actor *actor, const struct quota_of *of,
                 struct err *err) {
    bool deleted = false;
    struct quota_owner owner;
    if (find_owner(conn, of, &owner, err) < 0 || quota_store_delete(conn, &owner, &deleted, err) < 0)
        return -1;
    return deleted ? audit(conn, actor, of, "clear-quota", NULL, err) : 0;
}

int quota_clear(struct db_conn *conn, const struct actor *actor, const struct quota_of *of, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, clear(conn, actor, of, err), err);
}

/* --- checking --- */

static int refuse(const struct quota_row *row, enum quota_resource resource, int64_t used, int64_t more,
                  struct quota_refusal *refusal, struct err *err) {
    char used_text[UNITS_TEXT_SIZE], limit_text[UNITS_TEXT_SIZE], more_text[UNITS_TEXT_SIZE];
    int64_t limit = row->quota.max[resource];
    if (refusal) {
        *refusal = (struct quota_refusal){
            .group = row->owner.group, .resource = resource, .limit = limit, .used = used};
        str_copy(refusal->name, sizeof refusal->name, row->name);
    }
    const char *who = row->owner.group ? "the group " : "";
    if (!resources[resource].text)
        return err_set(err, ERR_DENIED, "quota_exceeded", "%s%s has %" PRId64 " of %" PRId64 " %s", who,
                       row->name, used, limit, resources[resource].name);
    const char *(*format)(int64_t, char *) = resources[resource].format;
    return err_set(err, ERR_DENIED, "quota_exceeded", "%s%s holds %s of %s %s, and this would take %s more",
                   who, row->name, format(used, used_text), format(limit, limit_text),
                   resources[resource].name, format(more, more_text));
}

static int check_row(struct db_conn *conn, const struct quota_row *row, const struct quota_use *more,
                     struct quota_refusal *refusal, struct err *err) {
    struct quota_use used = {0};
    if (quota_store_used(conn, &row->owner, &used, err) < 0)
        return -1;
    for (int i = 0; i < QUOTA_RESOURCES; i++) {
        int64_t limit = row->quota.max[i], wanted = more->amount[i];
        if (limit != QUOTA_NO_LIMIT && wanted > 0 && used.amount[i] > limit - wanted)
            return refuse(row, (enum quota_resource)i, used.amount[i], wanted, refusal, err);
    }
    return 0;
}

int quota_check(struct db_conn *conn, int64_t user_id, const struct quota_use *more,
                struct quota_refusal *refusal, struct err *err) {
    struct quota_row *rows = NULL;
    size_t count = 0;
    if (quota_store_binding(conn, user_id, &rows, &count, err) < 0)
        return -1;
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++)
        status = check_row(conn, &rows[i], more, refusal, err);
    free(rows);
    return status;
}

int home_take(struct db_conn *conn, int64_t user_id, const char *agent_id, int64_t size_bytes,
              struct quota_refusal *refusal, struct err *err) {
    int64_t has = 0;
    if (home_store_size(conn, user_id, agent_id, &has, err) < 0)
        return -1;
    struct quota_use more = {.amount[QUOTA_STORAGE] = size_bytes - has};
    if (size_bytes > has && quota_check(conn, user_id, &more, refusal, err) < 0)
        return -1;
    return home_store_put(conn, user_id, agent_id, size_bytes, err);
}
