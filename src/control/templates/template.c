#include "control/templates/template.h"

#include "base/units.h"

#include <stdlib.h>

void template_finish(struct template *template) {
    if (!template)
        return;
    strv_finish(&template->tags);
    strv_finish(&template->runtimes);
    strv_finish(&template->packages);
    strv_finish(&template->command);
    json_decref(template->spec);
    *template = (struct template){0};
}

void template_list_finish(struct template_list *list) {
    for (size_t i = 0; i < list->count; i++)
        template_finish(&list->items[i]);
    free(list->items);
    *list = (struct template_list){0};
}

static void put_resources(struct json_writer *w, const char *key, int64_t cpu_millis, int64_t memory_bytes) {
    char text[UNITS_TEXT_SIZE];
    jsonw_put_object(w, key);
    jsonw_put_string(w, "cpu", cpu_format(cpu_millis, text));
    jsonw_put_string(w, "memory", bytes_format(memory_bytes, text));
    jsonw_object_end(w);
}

static void put_list(struct json_writer *w, const char *key, const struct strv *list) {
    jsonw_key(w, key);
    jsonw_strings(w, list);
}

void template_write_json(const struct template *template, struct json_writer *w) {
    jsonw_object_begin(w);
    jsonw_put_string(w, "name", template->name);
    jsonw_put_string(w, "displayName", template->display_name);
    jsonw_put_string(w, "description", template->description);
    jsonw_put_string(w, "category", template->category);
    jsonw_put_string(w, "icon", template->icon);
    jsonw_put_string(w, "protocol", template->protocol);
    put_list(w, "runtimes", &template->runtimes);
    put_resources(w, "resources", template->cpu_millis, template->memory_bytes);
    put_resources(w, "maxResources", template->cpu_millis_max, template->memory_bytes_max);
    jsonw_put_string(w, "network", template->network);
    put_list(w, "tags", &template->tags);
    put_list(w, "packages", &template->packages);
    put_list(w, "command", &template->command);
    jsonw_put_bool(w, "builtin", template->builtin);
    jsonw_put_bool(w, "available", template->available);
    jsonw_put_string(w, "unavailableReason",
                     *template->unavailable_reason ? template->unavailable_reason : NULL);
    jsonw_put_string(w, "createdAt", template->created_at);
    jsonw_put_string(w, "updatedAt", template->updated_at);
    jsonw_object_end(w);
}
