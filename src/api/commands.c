/* The command queue, to look at. */
#include "api/call.h"
#include "api/resources.h"
#include "control/commands/command.h"

static int list_filter(struct call *call, struct command_filter *filter, struct err *err) {
    const char *status = http_query(call->request, "status");
    *filter = (struct command_filter){.agent_id = http_query(call->request, "agent"),
                                      .session_id = http_query(call->request, "session"),
                                      .cursor = http_query(call->request, "cursor")};
    enum command_status parsed;
    if (status) {
        _cleanup_strv_ struct strv names = {0};
        strv_split(&names, status, ',');
        for (size_t i = 0; i < names.count; i++) {
            if (!command_status_parse(names.items[i], &parsed))
                return err_set_field(err, ERR_INVALID, "invalid_parameter", "status", "there is no status %s",
                                     names.items[i]);
            filter->statuses |= 1u << parsed;
        }
    }
    return call_limit(call, &filter->limit, err);
}

void command_list_get(struct call *call) {
    struct err err = {0};
    struct command_filter filter;
    struct command_page page = {0};
    if (list_filter(call, &filter, &err) < 0 || command_list(call->conn, &filter, &page, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "commands");
    for (size_t i = 0; i < page.count; i++)
        command_write_json(&page.items[i], &w);
    jsonw_array_end(&w);
    call_list_end(&w, page.total, page.next_cursor);
    jsonw_object_end(&w);
    command_page_finish(&page);
    call_json(call, 200, &w);
}

void command_get_one(struct call *call) {
    struct err err = {0};
    _cleanup_command_ struct command command = {0};
    if (command_get(call->conn, call_param(call, 0), &command, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    command_write_json(&command, &w);
    call_json(call, 200, &w);
}
