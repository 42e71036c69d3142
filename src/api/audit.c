/* GET /audit and GET /audit/export. */
#include "control/audit/audit.h"
#include "api/call.h"
#include "api/resources.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <inttypes.h>

#define EXPORT_PAGE 200                /* rows read at once */
#define EXPORT_PENDING (256 * 1024)    /* bytes that may wait for a slow client */
#define EXPORT_WAIT_MS 500             /* between looks at whether the server ends */
#define EXPORT_PATIENCE_MS (30 * 1000) /* a client that takes nothing for this long is cut off */
#define EXPORT_PAGE_BYTES (EXPORT_PAGE * 4096)

/* A filter with the texts that it points to. */
struct audit_query {
    struct audit_filter filter;
    char since[TIME_TEXT_SIZE], until[TIME_TEXT_SIZE];
    char *texts[5];
};

static void query_finish(struct audit_query *query) {
    for (size_t i = 0; i < ARRAY_SIZE(query->texts); i++)
        free(query->texts[i]);
}

static int time_parameter(struct call *call, const char *name, char *text, const char **ret,
                          struct err *err) {
    const char *given = http_query(call->request, name);
    int64_t wall_ms;
    if (!given)
        return 0;
    if (!time_parse(given, &wall_ms))
        return err_set_field(err, ERR_INVALID, "invalid_parameter", name,
                             "must be a time such as 2026-01-31T12:00:00Z");
    *ret = time_format(wall_ms, text);
    return 0;
}

static int read_query(struct call *call, struct audit_query *query, struct err *err) {
    struct audit_filter *filter = &query->filter;
    const struct {
        const char *name;
        const char **target;
    } texts[] = {{"user", &filter->username},
                 {"action", &filter->action},
                 {"target", &filter->target},
                 {"outcome", &filter->outcome},
                 {"search", &filter->search}};
    _Static_assert(ARRAY_SIZE(texts) == ARRAY_SIZE(query->texts), "room for each");
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const char *given = http_query(call->request, texts[i].name);
        if (str_empty(given))
            continue;
        if (strlen(given) > 256)
            return err_set_field(err, ERR_INVALID, "invalid_parameter", texts[i].name, "is too long");
        *texts[i].target = query->texts[i] = str_dup(given);
    }
    if (filter->outcome && !str_eq(audit_outcome(filter->outcome), filter->outcome))
        return err_set_field(err, ERR_INVALID, "invalid_parameter", "outcome",
                             "must be allowed, refused or failed");
    if (time_parameter(call, "from", query->since, &filter->since, err) < 0)
        return -1;
    return time_parameter(call, "to", query->until, &filter->until, err);
}

static void write_entry(struct json_writer *w, const struct audit_row *row) {
    const struct {
        const char *key, *text;
    } texts[] = {{"time", row->at},
                 {"user", row->username},
                 {"action", row->action},
                 {"target", row->target},
                 {"outcome", row->outcome},
                 {"address", row->address},
                 {"requestId", row->request_id},
                 {"detail", row->detail}};
    jsonw_object_begin(w);
    jsonw_put_int(w, "id", row->id);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        jsonw_put_string(w, texts[i].key, *texts[i].text ? texts[i].text : NULL);
    jsonw_object_end(w);
}

static int read_page(struct call *call, struct audit_query *query, struct audit_row **ret, size_t *ret_count,
                     int64_t *ret_total, struct err *err) {
    const char *cursor = http_query(call->request, "cursor");
    if (read_query(call, query, err) < 0 || call_limit(call, &query->filter.limit, err) < 0)
        return -1;
    if (cursor && !str_to_i64(cursor, 1, INT64_MAX, &query->filter.before_id))
        return err_set_field(err, ERR_INVALID, "invalid_parameter", "cursor", "must be a nextCursor");
    if (audit_count(call->conn, &query->filter, ret_total, err) < 0)
        return -1;
    return audit_list(call->conn, &query->filter, ret, ret_count, err);
}

void audit_list_get(struct call *call) {
    struct err err = {0};
    _cleanup_(query_finish) struct audit_query query = {0};
    _cleanup_free_ struct audit_row *rows = NULL;
    size_t count = 0;
    int64_t total = 0;
    if (read_page(call, &query, &rows, &count, &total, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "entries");
    for (size_t i = 0; i < count; i++)
        write_entry(&w, &rows[i]);
    jsonw_array_end(&w);
    char next[24] = "";
    unsigned limit = query.filter.limit ? query.filter.limit : 50;
    if (count == limit && rows[count - 1].id > 1)
        snprintf(next, sizeof next, "%" PRId64, rows[count - 1].id);
    call_list_end(&w, total, next);
    jsonw_object_end(&w);
    call_json(call, 200, &w);
}

/* --- export: page by page, on a thread of its own --- */

struct export {
    struct api *api;
    struct call *call; /* until the reply has begun */
    struct audit_query query;
    bool csv;
    bool first; /* no row has been written */
};

/* A cell that a spreadsheet would take for a formula gets an apostrophe in front; what would end the cell is
 * quoted (RFC 4180 section 2). */
static void csv_cell(struct strbuf *out, const char *text, bool last) {
    if (*text && strchr("=+-@\t\r", *text)) {
        strbuf_puts(out, "\"'");
        for (; *text; text++)
            strbuf_printf(out, *text == '"' ? "\"\"" : "%c", *text);
        strbuf_putc(out, '"');
    } else if (strpbrk(text, "\",\r\n")) {
        strbuf_putc(out, '"');
        for (; *text; text++)
            strbuf_printf(out, *text == '"' ? "\"\"" : "%c", *text);
        strbuf_putc(out, '"');
    } else {
        strbuf_puts(out, text);
    }
    strbuf_puts(out, last ? "\r\n" : ",");
}

static void csv_row(struct strbuf *out, const struct audit_row *row) {
    strbuf_printf(out, "%" PRId64 ",", row->id);
    csv_cell(out, row->at, false);
    csv_cell(out, row->username, false);
    csv_cell(out, row->action, false);
    csv_cell(out, row->target, false);
    csv_cell(out, row->outcome, false);
    csv_cell(out, row->address, false);
    csv_cell(out, row->request_id, false);
    csv_cell(out, row->detail, true);
}

static void write_rows(struct export *export, struct strbuf *out, const struct audit_row *rows,
                       size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (export->csv) {
            csv_row(out, &rows[i]);
            continue;
        }
        struct json_writer w = JSON_WRITER(out);
        strbuf_puts(out, export->first ? "\n" : ",\n");
        export->first = false;
        write_entry(&w, &rows[i]);
    }
}

/* Waits for a slow client, as long as it takes something now and then and the server runs. */
static bool may_go_on(struct export *export, struct http_stream *out) {
    int64_t since = clock_ms();
    size_t before = http_stream_pending(out);
    for (;;) {
        int status = http_stream_wait(out, EXPORT_PENDING, EXPORT_WAIT_MS);
        if (status != 0)
            return status > 0;
        size_t now = http_stream_pending(out);
        if (now < before)
            since = clock_ms();
        before = now;
        if (atomic_load(&export->api->stopping) || clock_ms() - since > EXPORT_PATIENCE_MS)
            return false;
    }
}

static int send_page(struct export *export, struct http_stream *out, bool *ret_more, struct err *err) {
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(EXPORT_PAGE_BYTES);
    _cleanup_free_ struct audit_row *rows = NULL;
    size_t count = 0;
    {
        _cleanup_db_ struct db_conn *conn = NULL;
        if (db_acquire(export->api->db, &conn, err) < 0 ||
            audit_list(conn, &export->query.filter, &rows, &count, err) < 0)
            return -1;
    }
    write_rows(export, &text, rows, count);
    *ret_more = count == EXPORT_PAGE;
    if (count)
        export->query.filter.before_id = rows[count - 1].id;
    if (text.overflow)
        return err_set(err, ERR_INTERNAL, NULL, "a page is too long");
    if (!may_go_on(export, out) || !http_stream_write(out, text.data, text.length))
        return err_set(err, ERR_UNAVAILABLE, "client_gone", "the client has gone or takes nothing");
    return 0;
}

static int send_all(struct export *export, struct http_stream *out, struct err *err) {
    static const char head[] = "id,time,user,action,target,outcome,address,requestId,detail\r\n";
    const char *begin = export->csv ? head : "{\"entries\":[", *end = export->csv ? "" : "\n]}\n";
    http_stream_write(out, begin, strlen(begin));
    for (bool more = true; more;)
        if (send_page(export, out, &more, err) < 0)
            return -1;
    http_stream_write(out, end, strlen(end));
    return 0;
}

static void run_export(void *arg) {
    struct export *export = arg;
    struct call *call = export->call;
    struct err err = {0};
    char id[40];
    str_copy(id, sizeof id, http_request_id(call->request));
    http_add_header(call->request, "Cache-Control", "no-store");
    http_add_header(call->request, "Content-Disposition",
                    export->csv ? "attachment; filename=\"audit.csv\""
                                : "attachment; filename=\"audit.json\"");
    call_account(call, 200);
    struct http_stream *out = http_reply_stream(
        call->request, 200, export->csv ? "text/csv; charset=utf-8" : "application/json", NULL, NULL);
    if (send_all(export, out, &err) < 0) {
        log_warn("an export of the audit log was broken off", "request", id, "error", err.message);
        http_stream_abort(out);
    } else {
        http_stream_end(out);
    }
    query_finish(&export->query);
    free(export);
}

static int begin_export(struct call *call, struct export *export, struct err *err) {
    const char *format = http_query(call->request, "format");
    if (format && !str_eq(format, "csv") && !str_eq(format, "json"))
        return err_set_field(err, ERR_INVALID, "invalid_parameter", "format", "must be csv or json");
    export->csv = !str_eq(format, "json");
    if (read_query(call, &export->query, err) < 0)
        return -1;
    export->query.filter.limit = EXPORT_PAGE;
    return audit_write(call->conn, &call->actor, "audit.export", NULL, AUDIT_ALLOWED,
                       export->csv ? "csv" : "json", err);
}

void audit_export_get(struct call *call) {
    struct err err = {0};
    struct export *export = mem_zalloc(sizeof *export);
    *export = (struct export){.api = call->api, .call = call, .first = true};
    if (begin_export(call, export, &err) < 0)
        goto failed;
    call_release_conn(call);
    http_defer(call->request);
    if (workers_submit(call->api->exporters, run_export, export))
        return;
    err_set(&err, ERR_UNAVAILABLE, "busy", "too many exports at once; try again in a moment");
failed:
    query_finish(&export->query);
    free(export);
    call_problem(call, &err);
}
