#include "control/templates/template.h"

#include "control/audit/audit.h"
#include "control/groups/group.h"
#include "control/templates/template_schema.h"

#include <stdlib.h>

void template_finish(struct template *template) {
    if (!template)
        return;
    strv_finish(&template->tags);
    strv_finish(&template->runtimes);
    strv_finish(&template->packages);
    strv_finish(&template->command);
    strv_finish(&template->groups);
    json_decref(template->spec);
    *template = (struct template){0};
}

void template_list_finish(struct template_list *list) {
    for (size_t i = 0; i < list->count; i++)
        template_finish(&list->items[i]);
    free(list->items);
    *list = (struct template_list){0};
}

static void put_field(struct json_writer *w, const struct template_field *field, const json_t *value) {
    bool is_list = field->kind == TEMPLATE_TEXTS || field->kind == TEMPLATE_OBJECTS;
    jsonw_key(w, field->name);
    if (value)
        jsonw_json(w, value);
    else if (is_list)
        jsonw_raw(w, "[]", 2);
    else
        jsonw_null(w);
}

void template_write_json(const struct template *template, bool for_operators, struct json_writer *w) {
    jsonw_object_begin(w);
    jsonw_put_string(w, "name", template->name);
    for (size_t i = 0; i < template_schema_count; i++) {
        const struct template_field *field = &template_schema[i];
        if (field->operators && !for_operators)
            continue;
        if (str_eq(field->name, "enabled"))
            jsonw_put_bool(w, "enabled", template->enabled);
        else if (str_eq(field->name, "groups")) {
            jsonw_key(w, "groups");
            jsonw_strings(w, &template->groups);
        } else
            put_field(w, field, json_object_get(template->spec, field->name));
    }
    jsonw_put_bool(w, "builtin", template->builtin);
    jsonw_put_bool(w, "overridden", template->overridden);
    jsonw_put_bool(w, "available", template->available);
    jsonw_put_string(w, "unavailableReason",
                     *template->unavailable_reason ? template->unavailable_reason : NULL);
    jsonw_put_string(w, "unavailableCode",
                     template->available    ? NULL
                     : template->no_runtime ? "no_runtime"
                                            : "missing_program");
    jsonw_put_int(w, "version", template->version);
    jsonw_put_string(w, "createdAt", template->created_at);
    jsonw_put_string(w, "updatedAt", template->updated_at);
    if (for_operators)
        jsonw_put_string(w, "updatedBy", *template->updated_by ? template->updated_by : NULL);
    jsonw_object_end(w);
}

int template_check_use(struct db_conn *conn, const struct actor *actor, const struct template *template,
                       struct err *err) {
    bool member = template->groups.count == 0;
    if (actor_is_operator(actor))
        return template->enabled ? 0
                                 : err_set(err, ERR_CONFLICT, "template_disabled",
                                           "the template %s is switched off", template->name);
    if (template->enabled && !member) {
        _cleanup_strv_ struct strv groups = {0};
        if (group_names_of(conn, actor->user_id, &groups, err) < 0)
            return -1;
        for (size_t i = 0; i < groups.count && !member; i++)
            member = strv_contains(&template->groups, groups.items[i]);
    }
    if (!template->enabled || !member)
        return err_set(err, ERR_NOT_FOUND, "template_not_found", "there is no template %s", template->name);
    return 0;
}
