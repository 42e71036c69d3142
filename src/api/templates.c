/* Templates: what can be run. */
#include "api/call.h"
#include "api/resources.h"
#include "control/templates/template.h"

void template_list_get(struct call *call) {
    struct err err = {0};
    struct template_filter filter = {.category = http_query(call->request, "category"),
                                     .search = http_query(call->request, "search"),
                                     .after = http_query(call->request, "cursor")};
    struct template_list list = {0};
    if (call_limit(call, &filter.limit, &err) < 0 || template_list(call->conn, &filter, &list, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "templates");
    for (size_t i = 0; i < list.count; i++)
        template_write_json(&list.items[i], &w);
    jsonw_array_end(&w);
    call_list_end(&w, list.total, list.more && list.count ? list.items[list.count - 1].name : NULL);
    jsonw_object_end(&w);
    template_list_finish(&list);
    call_json(call, 200, &w);
}

void template_get_one(struct call *call) {
    struct err err = {0};
    _cleanup_template_ struct template template = {0};
    if (template_get(call->conn, call_param(call, 0), &template, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    template_write_json(&template, &w);
    call_json(call, 200, &w);
}
