/* Enrolment tokens, as administrators see them: a token itself is shown once and never kept. */
#include "base/str.h"
#include "control/agents/token.h"

#include <stdlib.h>

#define PAGE_DEFAULT 50
#define PAGE_MAX 200

void agent_token_list_finish(struct agent_token_list *list) {
    free(list->items);
    *list = (struct agent_token_list){0};
}

void agent_token_id(const char *hash, char id[AGENT_TOKEN_ID_SIZE]) {
    snprintf(id, AGENT_TOKEN_ID_SIZE, "%.*s", AGENT_TOKEN_ID_SIZE - 1, hash);
}

static void put_or_null(struct json_writer *w, const char *key, const char *text) {
    jsonw_put_string(w, key, *text ? text : NULL);
}

void agent_token_write_json(const struct agent_token_info *token, struct json_writer *w) {
    jsonw_object_begin(w);
    jsonw_put_string(w, "id", token->id);
    put_or_null(w, "agentId", token->agent_id);
    jsonw_put_string(w, "createdBy", token->created_by);
    jsonw_put_string(w, "createdAt", token->created_at);
    jsonw_put_string(w, "expiresAt", token->expires_at);
    put_or_null(w, "usedBy", token->used_by);
    put_or_null(w, "usedAt", token->used_at);
    jsonw_object_end(w);
}

static void read_token(struct db_rows *rows, struct agent_token_info *ret) {
    agent_token_id(db_text(rows, 0), ret->id);
    db_copy(rows, 1, ret->agent_id, sizeof ret->agent_id);
    db_copy(rows, 2, ret->created_by, sizeof ret->created_by);
    db_copy(rows, 3, ret->created_at, sizeof ret->created_at);
    db_copy(rows, 4, ret->expires_at, sizeof ret->expires_at);
    db_copy(rows, 5, ret->used_by, sizeof ret->used_by);
    db_copy(rows, 6, ret->used_at, sizeof ret->used_at);
}

/* The cursor is an id; the place of its row is looked up, and one that is gone is no place. */
static int find_place(struct db_conn *conn, const char *cursor, char *at, char *hash, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    str_copy(at, TIME_TEXT_SIZE, TIME_LAST);
    *hash = '\0';
    if (!cursor)
        return 0;
    int found = db_row(conn, &rows, err,
                       "SELECT created_at, token_hash FROM agent_tokens WHERE SUBSTR(token_hash, 1, 16) = $1",
                       "s", cursor);
    if (found < 0)
        return -1;
    if (found == 0)
        return err_set_field(err, ERR_INVALID, "invalid_field", "cursor", "is not one of ours");
    db_copy(rows, 0, at, TIME_TEXT_SIZE);
    db_copy(rows, 1, hash, KEY_HEX_SIZE);
    return 0;
}

static int load(struct db_conn *conn, const char *cursor, unsigned limit, struct agent_token_list *ret,
                struct err *err) {
    char at[TIME_TEXT_SIZE], hash[KEY_HEX_SIZE];
    _cleanup_rows_ struct db_rows *total = NULL, *rows = NULL;
    if (find_place(conn, cursor, at, hash, err) < 0 ||
        db_row(conn, &total, err, "SELECT COUNT(*) FROM agent_tokens", "") <= 0)
        return -1;
    ret->total = db_int(total, 0);
    if (db_query(conn, &rows, err,
                 "SELECT token_hash, agent_id, created_by, created_at, expires_at, used_by, used_at "
                 "FROM agent_tokens WHERE created_at < $1 OR (created_at = $1 AND token_hash < $2) "
                 "ORDER BY created_at DESC, token_hash DESC LIMIT $3",
                 "ssi", at, hash, (int64_t)limit + 1) < 0)
        return -1;
    int status;
    while ((status = db_next(rows, err)) > 0) {
        if (ret->count == limit) {
            ret->more = true;
            return 0;
        }
        read_token(rows, &ret->items[ret->count++]);
    }
    return status;
}

int agent_token_list(struct db_conn *conn, const char *cursor, unsigned limit, struct agent_token_list *ret,
                     struct err *err) {
    limit = limit == 0 ? PAGE_DEFAULT : limit > PAGE_MAX ? PAGE_MAX : limit;
    struct agent_token_list list = {.items = mem_zalloc(limit * sizeof *list.items)};
    if (load(conn, cursor, limit, &list, err) < 0) {
        agent_token_list_finish(&list);
        return -1;
    }
    *ret = list;
    return 0;
}

static int delete_token(struct db_conn *conn, const struct actor *actor, const char *id, struct err *err) {
    int64_t changes = 0;
    if (db_exec(conn, &changes, err, "DELETE FROM agent_tokens WHERE SUBSTR(token_hash, 1, 16) = $1", "s",
                id) < 0)
        return -1;
    if (changes == 0)
        return err_set(err, ERR_NOT_FOUND, "token_not_found", "there is no such token");
    return audit_write(conn, actor, "agent_token.delete", id, "success", NULL, err);
}

int agent_token_delete(struct db_conn *conn, const struct actor *actor, const char *id, struct err *err) {
    if (!id_is_hex(id, AGENT_TOKEN_ID_SIZE - 1))
        return err_set(err, ERR_NOT_FOUND, "token_not_found", "there is no such token");
    if (db_begin(conn, err) < 0)
        return -1;
    return db_end(conn, delete_token(conn, actor, id, err), err);
}

int agent_token_prune(struct db_conn *conn, struct err *err) {
    char before[TIME_TEXT_SIZE];
    time_format(clock_wall_ms() - AGENT_TOKEN_KEEP_SECONDS * 1000, before);
    return db_exec(conn, NULL, err, "DELETE FROM agent_tokens WHERE expires_at < $1", "s", before);
}
