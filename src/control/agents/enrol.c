/* Who may register, and with what. */
#include "base/log.h"
#include "control/agents/agent_key.h"
#include "control/agents/agent_store.h"
#include "control/secret.h"

#include <string.h>

#define REGION_MAX 63
#define LABELS_MAX 64
#define TEXT_MAX (64 * 1024)

static int create_token(struct db_conn *conn, const struct actor *actor, const char *agent_id,
                        const char *token, const char *expires_at, struct err *err) {
    char hash[KEY_HEX_SIZE];
    secret_hash(token, hash);
    if (agent_token_store_insert(conn, hash, agent_id, actor->username, expires_at, err) < 0)
        return -1;
    return audit_write(conn, actor, "agent_token.create", agent_id, "success", NULL, err);
}

int agent_token_create(struct db_conn *conn, const struct actor *actor, const char *agent_id,
                       char token[KEY_HEX_SIZE], char expires_at[TIME_TEXT_SIZE], struct err *err) {
    if (agent_id && !id_is_agent(agent_id))
        return err_set_field(err, ERR_INVALID, "invalid_field", "agentId", "must be 3–63 of a-z 0-9 -");
    random_hex(token, KEY_HEX_SIZE - 1);
    time_format(clock_wall_ms() + AGENT_TOKEN_SECONDS * 1000, expires_at);
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, create_token(conn, actor, agent_id, token, expires_at, err), err);
}

static int invalid(struct err *err, const char *field, const char *message) {
    return err_set_field(err, ERR_INVALID, "invalid_field", field, "%s", message);
}

int agent_check_labels(const json_t *labels, struct err *err) {
    const char *name;
    json_t *value;
    if (json_object_size(labels) > LABELS_MAX)
        return invalid(err, "labels", "must be at most 64");
    json_object_foreach ((json_t *)(uintptr_t)labels, name, value) {
        if (!json_is_string(value) || strlen(name) > 63 || json_string_length(value) > 255)
            return invalid(err, "labels", "must be texts of at most 255 bytes");
    }
    return 0;
}

static int check(const struct agent_registration *r, struct err *err) {
    if (!r->agent_id || !id_is_agent(r->agent_id))
        return invalid(err, "agentId", "must be 3–63 of a-z 0-9 -");
    if (!str_eq(r->platform, "local") && !str_eq(r->platform, "docker") && !str_eq(r->platform, "kubernetes"))
        return invalid(err, "platform", "must be local, docker or kubernetes");
    if (r->region && (strlen(r->region) > REGION_MAX || !str_is_utf8(r->region, strlen(r->region))))
        return invalid(err, "region", "must have at most 63 bytes");
    if (r->capacity.max_sessions < 0 || r->capacity.max_sessions > 1000000)
        return invalid(err, "capacity.maxSessions", "must be from 1 to 1000000");
    if (r->capacity.cpu_millis < 0 || r->capacity.memory_bytes < 0)
        return invalid(err, "capacity", "must not be negative");
    if ((r->labels && !json_is_object(r->labels)) || (r->metadata && !json_is_object(r->metadata)))
        return invalid(err, r->labels && !json_is_object(r->labels) ? "labels" : "metadata",
                       "must be an object");
    if (r->metadata && json_dumpb(r->metadata, NULL, 0, JSON_COMPACT) > TEXT_MAX)
        return invalid(err, "metadata", "must have at most 64 KiB");
    return agent_check_labels(r->labels, err);
}

/* How a registration is let in. */
enum admission {
    REFUSED,      /* *err says why */
    BY_KEY,       /* a known agent with its own key: the key stays */
    BY_TOKEN,     /* an admin's token: a new key */
    BY_BOOTSTRAP, /* AGENT_BOOTSTRAP_KEY: a new key */
};

static int refuse(struct err *err, enum admission *ret, enum err_kind kind, const char *code,
                  const char *message) {
    *ret = REFUSED;
    err_set(err, kind, code, "%s", message);
    return 0;
}

static int bad_key(struct err *err, enum admission *ret) {
    return refuse(err, ret, ERR_UNAUTHENTICATED, "bad_key", "this key does not enrol an agent");
}

static int judge_token(const struct agent_token *token, const char *agent_id, const char *hash, bool known,
                       const struct agent_keys *keys, enum admission *ret, struct err *err) {
    bool bound_here = str_eq(token->agent_id, agent_id);
    if (token->expired || (*token->agent_id && !bound_here))
        return bad_key(err, ret);
    if (*token->used_by) {
        /* Its own registration again, before that agent has ever connected: it may have crashed before it
         * saved its key. */
        bool repeats = str_eq(token->used_by, agent_id) && known && secret_equal(keys->enrolled_by, hash);
        if (!repeats)
            return bad_key(err, ret);
    } else if (known && !bound_here)
        return refuse(err, ret, ERR_DENIED, "agent_known",
                      "this agentId is taken: use the agent's own key, or a token made for this agentId");
    *ret = BY_TOKEN;
    return 0;
}

static int admit(struct db_conn *conn, const struct agent_registration *r, const char *hash, bool known,
                 const struct agent_keys *keys, enum admission *ret, struct err *err) {
    if (known && secret_equal(keys->key_hash, hash)) {
        *ret = BY_KEY;
        return 0;
    }
    struct agent_token token = {0};
    int found = agent_token_store_find(conn, hash, &token, err);
    if (found < 0)
        return -1;
    if (found > 0)
        return judge_token(&token, r->agent_id, hash, known, keys, ret, err);
    char bootstrap[KEY_HEX_SIZE];
    if (str_empty(r->bootstrap_key))
        return bad_key(err, ret);
    secret_hash(r->bootstrap_key, bootstrap);
    if (!secret_equal(bootstrap, hash))
        return bad_key(err, ret);
    /* The standing key may repeat its own registration, too. */
    if (known && !secret_equal(keys->enrolled_by, hash))
        return refuse(err, ret, ERR_DENIED, "agent_known",
                      "this agentId is taken: use the agent's own key, or a token made for this agentId");
    *ret = BY_BOOTSTRAP;
    return 0;
}

static struct agent_capacity with_defaults(const struct agent_capacity *given) {
    struct agent_capacity capacity = *given;
    if (capacity.max_sessions == 0)
        capacity.max_sessions = AGENT_MAX_SESSIONS_DEFAULT;
    if (capacity.cpu_millis == 0)
        capacity.cpu_millis = 4000;
    if (capacity.memory_bytes == 0)
        capacity.memory_bytes = (int64_t)8 << 30;
    return capacity;
}

static int enrol(struct db_conn *conn, const struct agent_registration *r, const char *hash,
                 enum admission how, bool known, struct agent_registered *ret, struct err *err) {
    struct agent_capacity capacity = with_defaults(&r->capacity);
    char actor_name[AGENT_ID_MAX + 8], key_hash[KEY_HEX_SIZE];
    if (how == BY_KEY)
        return agent_store_put(conn, r, &capacity, NULL, NULL, err);
    if (how == BY_TOKEN) {
        int used = agent_token_store_use(conn, hash, r->agent_id, err);
        if (used <= 0)
            return used < 0 ? -1 : err_set(err, ERR_UNAUTHENTICATED, "bad_key", "this token has been used");
    }
    random_hex(ret->api_key, KEY_HEX_SIZE - 1);
    secret_hash(ret->api_key, key_hash);
    ret->created = !known;
    snprintf(actor_name, sizeof actor_name, "agent:%s", r->agent_id);
    struct actor actor = {.username = actor_name, .address = r->address};
    if (agent_store_put(conn, r, &capacity, key_hash, hash, err) < 0)
        return -1;
    return audit_write(conn, &actor, "agent.register", r->agent_id, "success",
                       how == BY_TOKEN ? "enrolment token" : "bootstrap key", err);
}

/* 0 done; 1 refused, with `why` (kept apart so that the transaction with the audit row is committed). */
static int register_agent(struct db_conn *conn, const struct agent_registration *r,
                          struct agent_registered *ret, struct err *why, struct err *err) {
    char hash[KEY_HEX_SIZE];
    struct agent_keys keys = {0};
    enum admission how = REFUSED;
    secret_hash(r->key ? r->key : "", hash);
    int known = agent_store_keys(conn, r->agent_id, &keys, err);
    struct err verdict = {0};
    if (known < 0 || admit(conn, r, hash, known > 0, &keys, &how, &verdict) < 0) {
        if (known >= 0)
            err_copy(err, &verdict);
        return -1;
    }
    if (how != REFUSED)
        return enrol(conn, r, hash, how, known > 0, ret, err);
    char actor_name[AGENT_ID_MAX + 8];
    snprintf(actor_name, sizeof actor_name, "agent:%s", r->agent_id);
    struct actor actor = {.username = actor_name, .address = r->address};
    err_copy(why, &verdict);
    if (audit_write(conn, &actor, "agent.register", r->agent_id, "denied", verdict.message, err) < 0)
        return -1;
    return 1;
}

int agent_register(struct db_conn *conn, const struct agent_registration *registration,
                   struct agent_registered *ret, struct err *err) {
    struct agent_registered registered = {0};
    struct err why = {0};
    if (check(registration, err) < 0 || db_begin(conn, err) < 0)
        return -1;
    int status = db_end(conn, register_agent(conn, registration, &registered, &why, err), err);
    if (status > 0)
        err_copy(err, &why);
    if (status != 0)
        return -1;
    *ret = registered;
    return 0;
}

int agent_verify_key(struct db_conn *conn, const char *agent_id, const char *key, struct err *err) {
    char hash[KEY_HEX_SIZE], owner[AGENT_ID_MAX + 1];
    struct agent_keys keys = {0};
    secret_hash(key ? key : "", hash);
    int known = agent_store_keys(conn, agent_id, &keys, err);
    if (known < 0)
        return -1;
    if (known > 0 && secret_equal(keys.key_hash, hash))
        return 0;
    if (known == 0)
        return err_set(err, ERR_NOT_FOUND, "agent_not_found", "there is no such agent");
    if (agent_find_key(conn, key, owner, err) < 0)
        return -1;
    return err_set(err, ERR_DENIED, "key_of_another_agent", "this is the key of another agent");
}
