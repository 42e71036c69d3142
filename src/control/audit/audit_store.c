#include "base/cleanup.h"
#include "base/str.h"
#include "control/audit/audit.h"

#include <stdlib.h>

#define PAGE_DEFAULT 50
#define PRUNE_BATCH 1000
#define SEARCH_MAX 256

bool actor_is_admin(const struct actor *actor) {
    return str_eq(actor->role, "admin");
}

bool actor_is_operator(const struct actor *actor) {
    return actor_is_admin(actor) || str_eq(actor->role, "operator");
}

const char *audit_outcome(const char *word) {
    static const struct {
        const char *word, *kept;
    } words[] = {
        {"allowed", AUDIT_ALLOWED}, {"refused", AUDIT_REFUSED}, {"failed", AUDIT_FAILED},
        {"success", AUDIT_ALLOWED}, {"denied", AUDIT_REFUSED},  {"failure", AUDIT_FAILED},
    };
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (str_eq(word, words[i].word))
            return words[i].kept;
    return NULL;
}

/* Copies at most size - 1 bytes, never half a character. */
static const char *cut(char *target, size_t size, const char *text) {
    if (!text)
        return NULL;
    str_copy(target, size, text);
    for (size_t length = strlen(target); length && !str_is_utf8(target, length); length--)
        target[length - 1] = '\0';
    return target;
}

int audit_write(struct db_conn *conn, const struct actor *actor, const char *action, const char *target,
                const char *outcome, const char *detail, struct err *err) {
    char now[TIME_TEXT_SIZE], short_target[AUDIT_TARGET_MAX], short_detail[AUDIT_DETAIL_MAX];
    const char *kept = audit_outcome(outcome);
    if (!kept)
        return err_set(err, ERR_INTERNAL, NULL, "audit: there is no outcome \"%s\"", outcome);
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "INSERT INTO audit_log (created_at, user_id, username, action, target, outcome, address, "
                   "request_id, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                   "sIsssssss", now, actor->user_id, actor->username, action,
                   cut(short_target, sizeof short_target, target), kept, actor->address, actor->request_id,
                   cut(short_detail, sizeof short_detail, detail));
}

/* --- reading --- */

/* "%text%" in lower case, with LIKE's own characters escaped by '!'; NULL for NULL. Owned by the caller. */
static char *search_pattern(const char *text) {
    if (str_empty(text))
        return NULL;
    struct strbuf pattern = STRBUF_MAX(2 * SEARCH_MAX + 3);
    strbuf_putc(&pattern, '%');
    for (size_t i = 0; text[i] && i < SEARCH_MAX; i++) {
        if (strchr("!%_", text[i]))
            strbuf_putc(&pattern, '!');
        strbuf_putc(&pattern, text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i]);
    }
    strbuf_putc(&pattern, '%');
    return strbuf_steal(&pattern);
}

/* Parameters 1 … 7. */
#define MATCHES                                                                                              \
    "(CAST($1 AS TEXT) IS NULL OR username = $1) AND (CAST($2 AS TEXT) IS NULL OR action = $2 OR "           \
    "SUBSTR(action, 1, LENGTH($2) + 1) = $2 || '.') AND (CAST($3 AS TEXT) IS NULL OR target = $3) AND "      \
    "(CAST($4 AS TEXT) IS NULL OR outcome = $4) AND (CAST($5 AS TEXT) IS NULL OR created_at >= $5) AND "     \
    "(CAST($6 AS TEXT) IS NULL OR created_at < $6) AND (CAST($7 AS TEXT) IS NULL OR LOWER(username) LIKE "   \
    "$7 ESCAPE '!' OR LOWER(action) LIKE $7 ESCAPE '!' OR LOWER(COALESCE(target, '')) LIKE $7 ESCAPE '!' "   \
    "OR LOWER(COALESCE(address, '')) LIKE $7 ESCAPE '!' OR LOWER(COALESCE(detail, '')) LIKE $7 ESCAPE '!')"

static void read_row(struct db_rows *rows, struct audit_row *row) {
    row->id = db_int(rows, 0);
    db_copy(rows, 1, row->at, sizeof row->at);
    db_copy(rows, 2, row->username, sizeof row->username);
    db_copy(rows, 3, row->action, sizeof row->action);
    db_copy(rows, 4, row->target, sizeof row->target);
    db_copy(rows, 5, row->outcome, sizeof row->outcome);
    db_copy(rows, 6, row->address, sizeof row->address);
    db_copy(rows, 7, row->request_id, sizeof row->request_id);
    db_copy(rows, 8, row->detail, sizeof row->detail);
}

int audit_list(struct db_conn *conn, const struct audit_filter *filter, struct audit_row **ret,
               size_t *ret_count, struct err *err) {
    unsigned limit = filter->limit ? filter->limit : PAGE_DEFAULT;
    if (limit > AUDIT_PAGE_MAX)
        limit = AUDIT_PAGE_MAX;
    _cleanup_free_ char *pattern = search_pattern(filter->search);
    _cleanup_rows_ struct db_rows *rows = NULL;
    if (db_query(conn, &rows, err,
                 "SELECT id, created_at, username, action, target, outcome, address, request_id, detail FROM "
                 "audit_log WHERE " MATCHES " AND id < $8 ORDER BY id DESC LIMIT $9",
                 "sssssssii", filter->username, filter->action, filter->target, filter->outcome,
                 filter->since, filter->until, pattern, filter->before_id ? filter->before_id : INT64_MAX,
                 (int64_t)limit) < 0)
        return -1;
    _cleanup_free_ struct audit_row *items = mem_zalloc(limit * sizeof *items);
    size_t count = 0;
    int status = 0;
    while (count < limit && (status = db_next(rows, err)) > 0)
        read_row(rows, &items[count++]);
    if (status < 0)
        return -1;
    *ret = steal_pointer(&items);
    *ret_count = count;
    return 0;
}

int audit_count(struct db_conn *conn, const struct audit_filter *filter, int64_t *ret, struct err *err) {
    _cleanup_free_ char *pattern = search_pattern(filter->search);
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status =
        db_row(conn, &rows, err, "SELECT COUNT(*) FROM audit_log WHERE " MATCHES, "sssssss", filter->username,
               filter->action, filter->target, filter->outcome, filter->since, filter->until, pattern);
    if (status > 0)
        *ret = db_int(rows, 0);
    return status < 0 ? -1 : 0;
}

int audit_prune(struct db_conn *conn, const char *before, struct err *err) {
    return db_exec(
        conn, NULL, err,
        "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE created_at < $1 LIMIT $2)", "si",
        before, (int64_t)PRUNE_BATCH);
}
