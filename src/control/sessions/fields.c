#include "control/sessions/fields.h"

#include "base/units.h"
#include "control/sessions/session.h"

#include <ctype.h>

#define CPU_MIN_MILLIS 10
#define MEMORY_MIN_BYTES ((int64_t)16 << 20)
#define ENV_NAME_MAX 128
#define ENV_VALUE_MAX 4096

static int invalid(struct err *err, const char *field, const char *message) {
    return err_set_field(err, ERR_INVALID, "invalid_field", field, "%s", message);
}

int session_check_tags(const struct strv *tags, struct err *err) {
    if (!tags)
        return 0;
    if (tags->count > SESSION_TAGS_MAX)
        return err_set_field(err, ERR_INVALID, "invalid_field", "tags", "must be at most %d",
                             SESSION_TAGS_MAX);
    for (size_t i = 0; i < tags->count; i++) {
        const char *tag = tags->items[i];
        size_t length = strlen(tag);
        bool plain = length > 0 && length <= SESSION_TAG_MAX && str_is_utf8(tag, length);
        for (; plain && *tag; tag++)
            plain = (unsigned char)*tag >= ' ' && *tag != '"' && *tag != '\\' && *tag != 0x7f;
        if (!plain)
            return err_set_field(
                err, ERR_INVALID, "invalid_field", "tags",
                "must be texts of 1–%d bytes without quotes, backslashes and control characters",
                SESSION_TAG_MAX);
    }
    return 0;
}

int session_check_env(const json_t *env, struct err *err) {
    const char *name;
    json_t *value;
    if (!env)
        return 0;
    if (!json_is_object(env) || json_object_size(env) > SESSION_ENV_MAX)
        return err_set_field(err, ERR_INVALID, "invalid_field", "env",
                             "must be an object of at most %d texts", SESSION_ENV_MAX);
    json_object_foreach ((json_t *)(uintptr_t)env, name, value) {
        bool good = *name && !isdigit((unsigned char)*name) && strlen(name) <= ENV_NAME_MAX;
        for (const char *at = name; *at; at++)
            good = good && (isalnum((unsigned char)*at) || *at == '_');
        if (!good)
            return invalid(err, "env", "names must be of A-Z a-z 0-9 _ and not begin with a digit");
        if (!json_is_string(value) || json_string_length(value) > ENV_VALUE_MAX ||
            strlen(json_string_value(value)) != json_string_length(value))
            return invalid(err, "env", "values must be texts of at most 4096 bytes");
    }
    return 0;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

int session_check_resources(const struct template *template, int64_t cpu_millis, int64_t memory_bytes,
                            struct err *err) {
    char least[UNITS_TEXT_SIZE], most[UNITS_TEXT_SIZE];
    int64_t cpu_min = larger(CPU_MIN_MILLIS, template->cpu_millis_min);
    int64_t memory_min = larger(MEMORY_MIN_BYTES, template->memory_bytes_min);
    if (cpu_millis < cpu_min || cpu_millis > template->cpu_millis_max)
        return err_set_field(err, ERR_INVALID, "invalid_field", "resources.cpu",
                             "must be from %s to %s for this template", cpu_format(cpu_min, least),
                             cpu_format(template->cpu_millis_max, most));
    if (memory_bytes < memory_min || memory_bytes > template->memory_bytes_max)
        return err_set_field(err, ERR_INVALID, "invalid_field", "resources.memory",
                             "must be from %s to %s for this template", bytes_format(memory_min, least),
                             bytes_format(template->memory_bytes_max, most));
    return 0;
}

int session_check_times(const struct template *template, int64_t idle_timeout, int64_t max_duration,
                        struct err *err) {
    char text[UNITS_TEXT_SIZE];
    int64_t most = template->max_duration;
    if (idle_timeout < 0 || idle_timeout > SESSION_SECONDS_MAX)
        return invalid(err, "idleTimeout", "must be at most 365 days");
    if (max_duration < 0 || max_duration > SESSION_SECONDS_MAX)
        return invalid(err, "maxSessionDuration", "must be at most 365 days");
    if (most > 0 && (max_duration == 0 || max_duration > most))
        return err_set_field(err, ERR_INVALID, "invalid_field", "maxSessionDuration",
                             "must be at most %s for this template", duration_format(most, text));
    return 0;
}

char *session_tags_text(const struct strv *tags) {
    struct strbuf out = STRBUF_MAX(16384);
    struct json_writer w = JSON_WRITER(&out);
    static const struct strv none = {0};
    jsonw_strings(&w, tags ? tags : &none);
    return strbuf_steal(&out);
}
