#include "display/environment.h"

#include "base/cleanup.h"

static size_t name_length(const char *assignment) {
    return strcspn(assignment, "=");
}

static bool same_name(const char *a, const char *b, size_t length) {
    return strncmp(a, b, length) == 0 && a[length] == '=';
}

void environment_set(struct strv *env, const char *assignment) {
    size_t length = name_length(assignment);
    for (size_t i = 0; i < env->count; i++)
        if (same_name(env->items[i], assignment, length)) {
            free(env->items[i]);
            env->items[i] = str_dup(assignment);
            return;
        }
    strv_add(env, assignment);
}

const char *environment_get(const struct strv *env, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < env->count; i++)
        if (same_name(env->items[i], name, length))
            return env->items[i] + length + 1;
    return NULL;
}

static void set_pair(struct strv *env, const char *name, const char *value) {
    _cleanup_free_ char *assignment = str_format("%s=%s", name, value);
    environment_set(env, assignment);
}

void environment_base(struct strv *env, const char *home) {
    static const struct {
        const char *name, *otherwise;
    } kept[] = {
        {"PATH", ENVIRONMENT_PATH_DEFAULT},
        {"LANG", "C.UTF-8"},
        {"LANGUAGE", NULL},
        {"LC_ALL", NULL},
        {"TZ", NULL},
        {"USER", NULL},
        {"LOGNAME", NULL},
        {"SHELL", NULL},
        {"XDG_DATA_DIRS", NULL},
        {"XDG_CONFIG_DIRS", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
        const char *value = getenv(kept[i].name);
        if (str_empty(value))
            value = kept[i].otherwise;
        if (value)
            set_pair(env, kept[i].name, value);
    }
    set_pair(env, "HOME", home);
}
