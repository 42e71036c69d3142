/* Quotas of users and groups. */
#include "api/call.h"
#include "api/resources.h"
#include "base/units.h"
#include "control/quotas/quota.h"

static void answer_quota(struct call *call, const struct quota_of *of) {
    struct err err = {0};
    struct quota quota;
    struct quota_use used;
    if (quota_get(call->conn, of, &quota, &used, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    quota_write_json(&quota, &used, &w);
    call_json(call, 200, &w);
}

static void put_quota(struct call *call, const struct quota_of *of) {
    const struct quota_body *body = call->body;
    struct err err = {0};
    struct quota quota = QUOTA_UNLIMITED;
    /* The rows have checked that these can be read. */
    if (json_is_integer(body->max_sessions))
        quota.max[QUOTA_SESSIONS] = json_integer_value(body->max_sessions);
    if (body->max_cpu)
        cpu_parse(body->max_cpu, &quota.max[QUOTA_CPU]);
    if (body->max_memory)
        bytes_parse(body->max_memory, &quota.max[QUOTA_MEMORY]);
    if (body->max_storage)
        bytes_parse(body->max_storage, &quota.max[QUOTA_STORAGE]);
    if (quota_set(call->conn, &call->actor, of, &quota, &err) < 0)
        call_problem(call, &err);
    else
        answer_quota(call, of);
}

static void delete_quota(struct call *call, const struct quota_of *of) {
    struct err err = {0};
    if (quota_clear(call->conn, &call->actor, of, &err) < 0)
        call_problem(call, &err);
    else
        call_no_content(call);
}

/* "me" is oneself. */
static struct quota_of user_of(const struct call *call) {
    const char *name = call_param(call, 0);
    return (struct quota_of){.name = str_eq(name, "me") ? call->actor.username : name};
}

static struct quota_of group_of(const struct call *call) {
    return (struct quota_of){.group = true, .name = call_param(call, 0)};
}

/* One's own, or anybody's for administrators; of others there is nothing to know. */
void user_quota_get(struct call *call) {
    struct quota_of of = user_of(call);
    if (!actor_is_admin(&call->actor) && !str_eq(of.name, call->actor.username)) {
        struct err err = {0};
        err_set(&err, ERR_NOT_FOUND, "user_not_found", "there is no such user");
        call->not_his = true;
        call_problem(call, &err);
        return;
    }
    answer_quota(call, &of);
}

void user_quota_put(struct call *call) {
    struct quota_of of = user_of(call);
    put_quota(call, &of);
}

void user_quota_delete(struct call *call) {
    struct quota_of of = user_of(call);
    delete_quota(call, &of);
}

void group_quota_get(struct call *call) {
    struct quota_of of = group_of(call);
    answer_quota(call, &of);
}

void group_quota_put(struct call *call) {
    struct quota_of of = group_of(call);
    put_quota(call, &of);
}

void group_quota_delete(struct call *call) {
    struct quota_of of = group_of(call);
    delete_quota(call, &of);
}
