#include "agent/spec.h"

#include "base/units.h"

#include <ctype.h>
#include <stdlib.h>

static int bad(struct err *err, const char *field, const char *why) {
    return err_set_field(err, ERR_INVALID, NULL, field, "%s: %s", field, why);
}

static const char *text_of(json_t *object, const char *name, const char *preset) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : preset;
}

/* Quantities come as text or as a plain number. */
static bool quantity(json_t *value, bool (*parse)(const char *, int64_t *), int64_t *ret) {
    char number[32];
    if (json_is_string(value))
        return parse(json_string_value(value), ret);
    if (!json_is_integer(value))
        return false;
    snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    return parse(number, ret);
}

static int read_quantity(json_t *object, const char *name, bool (*parse)(const char *, int64_t *),
                         int64_t preset, int64_t *ret, struct err *err) {
    json_t *value = json_object_get(object, name);
    *ret = preset;
    if (value && !json_is_null(value) && !quantity(value, parse, ret))
        return bad(err, name, "is no quantity");
    return 0;
}

static int read_command(struct spec *spec, json_t *template, struct err *err) {
    json_t *list = json_object_get(template, "command");
    if (!json_is_array(list) || !json_array_size(list) || json_array_size(list) > SPEC_WORDS_MAX)
        return bad(err, "template.command", "must be a list of words");
    size_t index;
    json_t *word;
    json_array_foreach (list, index, word) {
        if (!json_is_string(word) || json_string_length(word) > SPEC_TEXT_MAX)
            return bad(err, "template.command", "must be a list of words");
        strv_add(&spec->command, json_string_value(word));
    }
    return 0;
}

static bool is_variable_name(const char *name) {
    if (!isalpha((unsigned char)*name) && *name != '_')
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '_')
            return false;
    return true;
}

/* Later ones of the same name win, as in a shell's `env`. */
static void set_variable(struct strv *env, const char *name, const char *value) {
    size_t length = strlen(name);
    for (size_t i = 0; i < env->count; i++)
        if (strncmp(env->items[i], name, length) == 0 && env->items[i][length] == '=') {
            free(env->items[i]);
            env->items[i] = str_format("%s=%s", name, value);
            return;
        }
    strv_addf(env, "%s=%s", name, value);
}

static int read_env(struct spec *spec, json_t *object, struct err *err) {
    const char *name;
    json_t *value;
    if (object && !json_is_null(object) && !json_is_object(object))
        return bad(err, "env", "must be an object");
    json_object_foreach (object, name, value) {
        if (!json_is_string(value) || json_string_length(value) > SPEC_TEXT_MAX || !is_variable_name(name))
            return bad(err, "env", "has a malformed variable");
        if (spec->env.count >= SPEC_WORDS_MAX)
            return bad(err, "env", "has too many variables");
        set_variable(&spec->env, name, json_string_value(value));
    }
    return 0;
}

static bool is_one_of(const char *text, const char *a, const char *b) {
    return str_eq(text, a) || str_eq(text, b);
}

static bool is_geometry(const char *text) {
    char *end;
    if (strlen(text) > 11 || !isdigit((unsigned char)*text))
        return false;
    long width = strtol(text, &end, 10);
    if (*end != 'x' || !isdigit((unsigned char)end[1]))
        return false;
    long height = strtol(end + 1, &end, 10);
    return !*end && width >= 64 && width <= 16384 && height >= 64 && height <= 16384;
}

/* A persistent home's name becomes part of a path. */
static bool is_home_name(const char *text) {
    size_t length = strlen(text);
    if (!length || length > SPEC_HOME_MAX || *text == '.')
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("._-", *text))
            return false;
    return true;
}

static int read_words(struct session_spec *s, json_t *payload, json_t *template, struct err *err) {
    s->session_id = text_of(payload, "sessionId", "");
    s->user = text_of(payload, "user", "");
    s->display_token = text_of(payload, "displayToken", "");
    s->template_name = text_of(template, "name", "");
    s->protocol = text_of(template, "protocol", "vnc");
    s->network = text_of(payload, "network", text_of(template, "network", "none"));
    s->on_exit = text_of(template, "onExit", "end");
    s->geometry = text_of(payload, "geometry", text_of(template, "geometry", SPEC_GEOMETRY_DEFAULT));
    s->home = text_of(payload, "home", NULL);
    if (!id_is_session(s->session_id))
        return bad(err, "sessionId", "is no session name");
    if (!id_is_username(s->user))
        return bad(err, "user", "is no username");
    if (!id_is_hex(s->display_token, KEY_HEX_SIZE - 1))
        return bad(err, "displayToken", "must be 64 hex digits");
    if (!is_one_of(s->protocol, "vnc", "http"))
        return bad(err, "template.protocol", "must be vnc or http");
    if (!is_one_of(s->network, "none", "outbound"))
        return bad(err, "network", "must be none or outbound");
    if (!is_one_of(s->on_exit, "end", "restart"))
        return bad(err, "template.onExit", "must be end or restart");
    if (!is_geometry(s->geometry))
        return bad(err, "geometry", "must be WIDTHxHEIGHT");
    if (s->home && !is_home_name(s->home))
        return bad(err, "home", "is no name of a home");
    return 0;
}

static int read_numbers(struct session_spec *s, json_t *payload, json_t *template, struct err *err) {
    json_t *resources = json_object_get(payload, "resources");
    json_t *preset = json_object_get(template, "resources");
    int64_t memory, cpu;
    if (read_quantity(preset, "memory", bytes_parse, SPEC_MEMORY_DEFAULT, &memory, err) < 0 ||
        read_quantity(preset, "cpu", cpu_parse, SPEC_CPU_DEFAULT, &cpu, err) < 0 ||
        read_quantity(resources, "memory", bytes_parse, memory, &s->memory_bytes, err) < 0 ||
        read_quantity(resources, "cpu", cpu_parse, cpu, &s->cpu_millis, err) < 0 ||
        read_quantity(template, "homeSize", bytes_parse, 0, &s->home_bytes, err) < 0)
        return -1;
    json_t *pids = json_object_get(template, "pidsMax");
    s->pids_max = pids && !json_is_null(pids) ? json_integer_value(pids) : SPEC_PIDS_DEFAULT;
    if (s->pids_max < 1 || s->pids_max > SPEC_PIDS_MAX)
        return bad(err, "template.pidsMax", "is out of bounds");
    return 0;
}

static bool flag_of(json_t *object, const char *name, bool preset) {
    json_t *value = json_object_get(object, name);
    return json_is_boolean(value) ? json_is_true(value) : preset;
}

int spec_parse(const char *text, struct spec *ret, struct err *err) {
    *ret = (struct spec){0};
    json_t *payload = ret->payload = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *template = json_object_get(payload, "template");
    if (!json_is_object(payload))
        return bad(err, "payload", "must be an object");
    if (!json_is_object(template))
        return bad(err, "template", "must be an object");
    struct session_spec *s = &ret->spec;
    if (read_words(s, payload, template, err) < 0 || read_numbers(s, payload, template, err) < 0 ||
        read_command(ret, template, err) < 0 || read_env(ret, json_object_get(template, "env"), err) < 0 ||
        read_env(ret, json_object_get(payload, "env"), err) < 0)
        return -1;
    static const char *const nothing[] = {NULL};
    s->command = (const char *const *)ret->command.items;
    s->env = ret->env.items ? (const char *const *)ret->env.items : nothing;
    s->persistent_home = flag_of(payload, "persistentHome", false);
    s->gl = flag_of(template, "gl", false);
    s->window_manager = flag_of(template, "windowManager", true);
    s->template_json = template;
    if (s->persistent_home && !s->home)
        return bad(err, "home", "is missing");
    return 0;
}

void spec_finish(struct spec *spec) {
    strv_finish(&spec->command);
    strv_finish(&spec->env);
    json_decref(spec->payload);
    *spec = (struct spec){0};
}

int limits_parse(const char *text, struct runtime_limits *ret, struct err *err) {
    json_t *payload = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    json_t *resources = json_object_get(payload, "resources");
    *ret = (struct runtime_limits){0};
    int status = read_quantity(resources, "memory", bytes_parse, 0, &ret->memory_bytes, err);
    if (status == 0)
        status = read_quantity(resources, "cpu", cpu_parse, 0, &ret->cpu_millis, err);
    if (status == 0 && ret->memory_bytes <= 0 && ret->cpu_millis <= 0)
        status = bad(err, "resources", "names nothing to change");
    json_decref(payload);
    return status;
}
