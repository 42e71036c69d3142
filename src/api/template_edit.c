/* Templates, as operators make and change them: bodies in JSON and in YAML, and files of many. */
#include "control/templates/template_edit.h"
#include "api/call.h"
#include "api/resources.h"
#include "control/templates/template.h"

#include <strings.h>

const char *const template_types[] = {"application/json", "application/yaml", "application/x-yaml",
                                      "text/yaml", NULL};
const char *const yaml_types[] = {"application/yaml", "application/x-yaml", "text/yaml", NULL};

static int read_flag(struct call *call, const char *name, bool *ret, struct err *err) {
    const char *text = http_query(call->request, name);
    *ret = str_eq(text, "true");
    if (text && !*ret && !str_eq(text, "false"))
        return err_set_field(err, ERR_INVALID, "invalid_parameter", name, "must be true or false");
    return 0;
}

static void write_problems(struct json_writer *w, const void *arg) {
    const struct template_problems *problems = arg;
    jsonw_put_array(w, "fields");
    for (size_t i = 0; i < problems->count; i++) {
        const struct template_problem *problem = &problems->items[i];
        jsonw_object_begin(w);
        jsonw_put_string(w, "field", problem->field);
        jsonw_put_string(w, "message", problem->message);
        jsonw_put_string(w, "code", problem->code);
        if (problem->line) {
            jsonw_put_int(w, "line", problem->line);
            jsonw_put_int(w, "column", problem->column);
        }
        if (problem->document)
            jsonw_put_int(w, "document", problem->document);
        jsonw_object_end(w);
    }
    jsonw_array_end(w);
}

/* Either what was wrong with the fields, or one error of another kind. */
static void refuse(struct call *call, struct template_problems *problems, struct err *err) {
    if (problems->count) {
        template_problems_err(problems, err);
        call_problem_with(call, err, write_problems, problems);
    } else
        call_problem(call, err);
    template_problems_finish(problems);
}

static bool is_json(struct call *call) {
    const char *type = http_header(call->request, "Content-Type");
    return type && strncasecmp(type, "application/json", strlen("application/json")) == 0;
}

/* One template from the body, whichever form it has. */
static int read_draft(struct call *call, struct template_draft *ret, struct template_problems *problems,
                      struct err *err) {
    size_t length;
    const char *text = http_body(call->request, &length);
    if (is_json(call)) {
        _cleanup_json_ json_t *body = NULL;
        if (!str_is_utf8(text, length))
            return err_set(err, ERR_INVALID, "malformed_json", "the body is not UTF-8 text");
        return json_decode(text, length, &body, err) < 0 ? -1 : template_draft_json(body, ret, problems);
    }
    struct template_drafts drafts = {0};
    int status = template_drafts_yaml(text, length, &drafts, problems);
    if (status == 0 && drafts.count != 1) {
        template_problem_add(problems, "malformed_yaml", "", "one document is expected, and there are %zu",
                             drafts.count);
        status = -1;
    } else if (status == 0) {
        *ret = drafts.items[0];
        drafts.items[0] = (struct template_draft){0};
    }
    template_drafts_finish(&drafts);
    return status;
}

/* What the template is now, for the answer of a change. */
static void reply_template(struct call *call, int status, const char *name) {
    struct err err = {0};
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    char tag[CATALOGUE_TAG_SIZE], location[128];
    if (catalogue_get(call->api->catalogue, call->conn, &call->actor, name, NULL, &text, tag, &err) < 0) {
        strbuf_finish(&text);
        call_problem(call, &err);
        return;
    }
    snprintf(location, sizeof location, "/api/v1/templates/%s", name);
    if (status == 201)
        http_add_header(call->request, "Location", location);
    http_add_header(call->request, "ETag", tag);
    strbuf_putc(&text, '\n');
    call_text(call, status, "application/json", strbuf_str(&text), text.length);
    strbuf_finish(&text);
}

static void reply_actions(struct call *call, int status, const struct template_draft *drafts, size_t count,
                          const enum template_action *actions, bool dry_run) {
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_bool(&w, "dryRun", dry_run);
    jsonw_put_array(&w, "templates");
    for (size_t i = 0; i < count; i++) {
        jsonw_object_begin(&w);
        jsonw_put_string(&w, "name", drafts[i].name);
        jsonw_put_string(&w, "action", template_action_name(actions[i]));
        jsonw_object_end(&w);
    }
    jsonw_array_end(&w);
    jsonw_object_end(&w);
    call_json(call, status, &w);
}

/* POST and PUT. `name`: of the path, or NULL. */
static void edit(struct call *call, const char *name, enum template_put_mode mode) {
    struct err err = {0};
    struct template_problems problems = {0};
    _cleanup_draft_ struct template_draft draft = {0};
    enum template_action action = TEMPLATE_UNCHANGED;
    bool dry_run;
    int status = read_flag(call, "dryRun", &dry_run, &err);
    if (status == 0)
        status = read_draft(call, &draft, &problems, &err);
    if (status == 0)
        status = template_draft_rename(&draft, name, &problems);
    if (status == 0)
        status = template_put(call->conn, &call->actor, &draft, mode, dry_run, &action, &err);
    if (status < 0)
        refuse(call, &problems, &err);
    else if (dry_run)
        reply_actions(call, 200, &draft, 1, &action, true);
    else
        reply_template(call, action == TEMPLATE_CREATED ? 201 : 200, draft.name);
}

void template_post(struct call *call) {
    edit(call, NULL, TEMPLATE_PUT_NEW);
}

void template_put_one(struct call *call) {
    edit(call, call_param(call, 0), TEMPLATE_PUT_ANY);
}

void template_delete_one(struct call *call) {
    struct err err = {0};
    bool was_reset;
    if (template_delete(call->conn, &call->actor, call_param(call, 0), &was_reset, &err) < 0)
        call_problem(call, &err);
    else
        call_no_content(call);
}

void template_import_post(struct call *call) {
    struct err err = {0};
    struct template_problems problems = {0};
    struct template_drafts drafts = {0};
    enum template_action actions[TEMPLATE_DOCUMENTS_MAX];
    size_t length;
    const char *text = http_body(call->request, &length);
    bool dry_run;
    int status = read_flag(call, "dryRun", &dry_run, &err);
    if (status == 0)
        status = template_drafts_yaml(text, length, &drafts, &problems);
    if (status == 0)
        status = template_import(call->conn, &call->actor, &drafts, dry_run, actions, &err);
    if (status < 0)
        refuse(call, &problems, &err);
    else
        reply_actions(call, 200, drafts.items, drafts.count, actions, dry_run);
    template_drafts_finish(&drafts);
}
