#include "control/templates/availability.h"

#include "base/str.h"

void template_spec_programs(const json_t *spec, struct strv *ret) {
    size_t index;
    json_t *program, *programs = json_object_get(spec, "programs");
    json_array_foreach (programs, index, program) {
        if (json_is_string(program))
            strv_add(ret, json_string_value(program));
    }
    const char *first = json_string_value(json_array_get(json_object_get(spec, "command"), 0));
    if (json_array_size(programs) == 0 && first)
        strv_add(ret, first);
}

const char *template_lacks(const struct template *template, const json_t *missing, char *reason) {
    const char *found = NULL;
    struct strv programs = {0};
    if (!missing || json_object_size(missing) == 0)
        return NULL;
    template_spec_programs(template->spec, &programs);
    for (size_t i = 0; i < programs.count && !found; i++) {
        const json_t *why = json_object_get(missing, programs.items[i]);
        if (!why)
            continue;
        const char *text = json_string_value(why);
        if (!str_empty(text))
            str_copy(reason, TEMPLATE_REASON_MAX, text);
        else if (template->packages.count > 0)
            snprintf(reason, TEMPLATE_REASON_MAX, "%s is not installed: install %s", programs.items[i],
                     template->packages.items[0]);
        else
            snprintf(reason, TEMPLATE_REASON_MAX, "%s is not installed", programs.items[i]);
        found = reason;
    }
    strv_finish(&programs);
    return found;
}

bool template_is_foreign(const struct template *template, const char *platform) {
    if (template->runtimes.count > 0 && !strv_contains(&template->runtimes, platform))
        return true;
    return str_eq(platform, "local") ? template->command.count == 0 : !template->has_image;
}

const char *availability_of(const struct availability *availability, size_t index,
                            const struct template *template, char *reason) {
    if (!template_is_foreign(template, availability->agents[index].platform))
        return template_lacks(template, availability->agents[index].missing, reason);
    snprintf(reason, TEMPLATE_REASON_MAX, "it is not for the runtime %s",
             availability->agents[index].platform);
    return reason;
}

void availability_judge(const struct availability *availability, struct template *template) {
    template->available = availability->count == 0;
    template->no_runtime = availability->count > 0;
    for (size_t i = 0; i < availability->count && !template->available; i++) {
        if (template_is_foreign(template, availability->agents[i].platform))
            continue;
        template->no_runtime = false;
        template->available =
            !template_lacks(template, availability->agents[i].missing, template->unavailable_reason);
    }
    if (template->no_runtime)
        str_copy(template->unavailable_reason, TEMPLATE_REASON_MAX, "no agent of its runtime is online");
    else if (template->available)
        template->unavailable_reason[0] = '\0';
}

void availability_finish(struct availability *availability) {
    for (size_t i = 0; i < availability->count; i++)
        json_decref(availability->agents[i].missing);
    availability->count = 0;
}
