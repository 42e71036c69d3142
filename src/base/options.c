#include "base/options.h"

#include "base/cleanup.h"

#include <stdlib.h>

static void *field_of(const struct option_spec *spec, void *target) {
    return (char *)target + spec->offset;
}

static bool choice_allows(const char *choices, const char *value) {
    _cleanup_strv_ struct strv list = {0};
    strv_split(&list, choices, '|');
    return strv_contains(&list, value);
}

static int set_integer(const struct option_spec *spec, void *field, const char *value, const char *source,
                       struct err *err) {
    int64_t number;
    if (!str_to_i64(value, spec->min, spec->max, &number))
        return err_set(err, ERR_INVALID, NULL, "%s wants a whole number from %lld to %lld, not '%s'", source,
                       (long long)spec->min, (long long)spec->max, value);
    *(int64_t *)field = number;
    return 0;
}

static int set_flag(void *field, const char *value, const char *source, struct err *err) {
    static const char *const yes[] = {"1", "true", "yes", "on"};
    static const char *const no[] = {"0", "false", "no", "off", ""};
    for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
        if (str_eq(value, yes[i])) {
            *(bool *)field = true;
            return 0;
        }
    for (size_t i = 0; i < ARRAY_SIZE(no); i++)
        if (str_eq(value, no[i])) {
            *(bool *)field = false;
            return 0;
        }
    return err_set(err, ERR_INVALID, NULL, "%s wants true or false, not '%s'", source, value);
}

static int set_value(const struct option_spec *spec, void *target, const char *value, const char *source,
                     struct err *err) {
    void *field = field_of(spec, target);
    double number;
    switch (spec->type) {
    case OPTION_INTEGER:
        return set_integer(spec, field, value, source, err);
    case OPTION_FLAG:
        return set_flag(field, value, source, err);
    case OPTION_NUMBER:
        if (!str_to_double(value, &number) || number <= 0)
            return err_set(err, ERR_INVALID, NULL, "%s wants a number over 0, not '%s'", source, value);
        *(double *)field = number;
        return 0;
    case OPTION_CHOICE:
        if (!choice_allows(spec->choices, value))
            return err_set(err, ERR_INVALID, NULL, "%s is one of %s, not '%s'", source, spec->choices, value);
        *(const char **)field = value;
        return 0;
    case OPTION_LIST:
        strv_add(field, value);
        return 0;
    case OPTION_TEXT:
    case OPTION_SWITCH:
        *(const char **)field = value;
        return 0;
    }
    return err_set(err, ERR_INTERNAL, NULL, "%s has an unknown type", source);
}

static int set_presets(const struct option_spec *table, size_t count, void *target,
                       const struct option_file *file, struct err *err) {
    for (size_t i = 0; i < count; i++) {
        const struct option_spec *spec = &table[i];
        const char *value = spec->env ? getenv(spec->env) : NULL;
        const char *source = spec->env;
        char place[OPTION_SOURCE_SIZE];
        if (str_empty(value) && file) {
            value = file->lookup(file->arg, spec->name, place);
            source = place;
        }
        if (str_empty(value)) {
            value = spec->preset;
            source = spec->name;
        }
        if (value && set_value(spec, target, value, source, err) < 0)
            return -1;
    }
    return 0;
}

static const struct option_spec *find_option(const struct option_spec *table, size_t count, const char *name,
                                             size_t length) {
    for (size_t i = 0; i < count; i++)
        if (!table[i].secret && strlen(table[i].name) == length && strncmp(table[i].name, name, length) == 0)
            return &table[i];
    return NULL;
}

/* Handles argv[*index], which begins with "--". */
static int parse_flag(const struct option_spec *table, size_t count, int argc, char **argv, int *index,
                      void *target, struct err *err) {
    const char *name = argv[*index] + 2;
    size_t length = strcspn(name, "=");
    const struct option_spec *spec = find_option(table, count, name, length);
    if (!spec)
        return err_set(err, ERR_INVALID, NULL, "unknown option --%.*s", (int)length, name);
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    if (!value && (spec->type == OPTION_FLAG || spec->type == OPTION_SWITCH))
        value = "true";
    if (!value && *index + 1 < argc)
        value = argv[++*index];
    if (!value)
        return err_set(err, ERR_INVALID, NULL, "--%s wants a value (%s)", spec->name, spec->metavar);
    char source[80];
    snprintf(source, sizeof source, "--%s", spec->name);
    return set_value(spec, target, value, source, err);
}

int options_parse(const struct option_spec *table, size_t count, int argc, char **argv, void *target,
                  struct strv *words, bool *ret_help, struct err *err) {
    return options_parse_file(table, count, argc, argv, target, words, NULL, ret_help, err);
}

int options_parse_file(const struct option_spec *table, size_t count, int argc, char **argv, void *target,
                       struct strv *words, const struct option_file *file, bool *ret_help, struct err *err) {
    *ret_help = false;
    if (set_presets(table, count, target, file, err) < 0)
        return -1;
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        if (!only_words && str_eq(argv[i], "--")) {
            only_words = true;
        } else if (!only_words && (str_eq(argv[i], "--help") || str_eq(argv[i], "-h"))) {
            *ret_help = true;
        } else if (!only_words && str_starts(argv[i], "--")) {
            if (parse_flag(table, count, argc, argv, &i, target, err) < 0)
                return -1;
        } else if (words) {
            strv_add(words, argv[i]);
        } else {
            return err_set(err, ERR_INVALID, NULL, "unexpected word '%s'", argv[i]);
        }
    }
    return 0;
}

void options_finish(const struct option_spec *table, size_t count, void *target) {
    for (size_t i = 0; i < count; i++)
        if (table[i].type == OPTION_LIST)
            strv_finish(field_of(&table[i], target));
}

void options_help(const struct option_spec *table, size_t count, FILE *out) {
    for (size_t i = 0; i < count; i++) {
        const struct option_spec *spec = &table[i];
        char left[64];
        if (spec->secret)
            snprintf(left, sizeof left, "%s", spec->env);
        else
            snprintf(left, sizeof left, "--%s%s%s", spec->name,
                     spec->type == OPTION_FLAG || spec->type == OPTION_SWITCH ? "" : " ",
                     spec->type == OPTION_FLAG || spec->type == OPTION_SWITCH ? ""
                     : spec->type == OPTION_CHOICE                            ? spec->choices
                                                                              : spec->metavar);
        fprintf(out, "  %-34s %s", left, spec->help);
        if (!str_empty(spec->preset))
            fprintf(out, " [%s]", spec->preset);
        if (spec->env && !spec->secret)
            fprintf(out, " ($%s)", spec->env);
        fputc('\n', out);
    }
}

void options_words(const struct option_spec *table, size_t count, FILE *out) {
    for (size_t i = 0; i < count; i++)
        if (!table[i].secret)
            fprintf(out, "--%s\n", table[i].name);
}
