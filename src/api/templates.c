/* Templates: what can be run. */
#include "api/call.h"
#include "api/resources.h"
#include "control/templates/template.h"
#include "control/templates/template_draft.h"

/* ?format= wins over Accept. */
static int wants_yaml(struct call *call, bool *ret, struct err *err) {
    const char *format = http_query(call->request, "format"), *accept = http_header(call->request, "Accept");
    *ret = format ? str_eq(format, "yaml") : accept && strstr(accept, "application/yaml");
    if (format && !*ret && !str_eq(format, "json"))
        return err_set_field(err, ERR_INVALID, "invalid_parameter", "format", "must be json or yaml");
    /* Files are whole: with variables that may be secret. */
    if (*ret && !actor_is_operator(&call->actor))
        return err_set(err, ERR_DENIED, NULL, "files of templates need the role operator");
    return 0;
}

static void reply_yaml(struct call *call, struct strbuf *text, const char *name) {
    char disposition[128];
    snprintf(disposition, sizeof disposition, "attachment; filename=\"%s.yaml\"", name);
    http_add_header(call->request, "Content-Disposition", disposition);
    http_add_header(call->request, "Vary", "Authorization, Cookie, Accept");
    call_text(call, 200, "application/yaml", strbuf_str(text), text->length);
    strbuf_finish(text);
}

/* The files of all, or of one. */
static int write_files(struct call *call, const char *name, struct strbuf *out, struct err *err) {
    struct template_list list = {0};
    if (name) {
        list.items = mem_zalloc(sizeof *list.items);
        list.count = template_get(call->conn, name, list.items, err) == 0;
    }
    if (name ? !list.count : template_load_all(call->conn, &list, err) < 0) {
        template_list_finish(&list);
        return -1;
    }
    bool done = true;
    for (size_t i = 0; i < list.count && done; i++) {
        const struct template *item = &list.items[i];
        done = template_write_yaml(item->name, item->spec, item->enabled, &item->groups, out);
    }
    template_list_finish(&list);
    return done ? 0 : err_set(err, ERR_INTERNAL, NULL, "the templates cannot be written");
}

static void give_files(struct call *call, const char *name) {
    struct err err = {0};
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    if (write_files(call, name, &text, &err) == 0) {
        reply_yaml(call, &text, name ? name : "templates");
        return;
    }
    strbuf_finish(&text);
    call_problem(call, &err);
}

void template_list_get(struct call *call) {
    struct err err = {0};
    struct catalogue_query query = {.category = http_query(call->request, "category"),
                                    .search = http_query(call->request, "search"),
                                    .after = http_query(call->request, "cursor"),
                                    .if_none_match = http_header(call->request, "If-None-Match")};
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    char tag[CATALOGUE_TAG_SIZE];
    bool yaml;
    if (call_limit(call, &query.limit, &err) == 0 && wants_yaml(call, &yaml, &err) == 0) {
        if (yaml) {
            give_files(call, NULL);
            return;
        }
        if (catalogue_list(call->api->catalogue, call->conn, &call->actor, &query, &text, tag, &err) == 0) {
            call_tagged(call, &text, tag);
            return;
        }
    }
    strbuf_finish(&text);
    call_problem(call, &err);
}

void template_get_one(struct call *call) {
    struct err err = {0};
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    const char *name = call_param(call, 0);
    char tag[CATALOGUE_TAG_SIZE];
    bool yaml;
    if (wants_yaml(call, &yaml, &err) == 0) {
        if (yaml) {
            give_files(call, name);
            return;
        }
        if (catalogue_get(call->api->catalogue, call->conn, &call->actor, name,
                          http_header(call->request, "If-None-Match"), &text, tag, &err) == 0) {
            call_tagged(call, &text, tag);
            return;
        }
    }
    strbuf_finish(&text);
    call_problem(call, &err);
}
