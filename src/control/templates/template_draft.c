#include "control/templates/template_draft.h"

#include "base/cleanup.h"
#include "base/units.h"
#include "control/templates/template.h"
#include "control/templates/template_schema.h"
#include "json/fields.h"
#include "json/yaml.h"

#include <stdio.h>
#include <stdlib.h>

#define DURATION_MAX_SECONDS ((int64_t)365 * 86400)

/* --- problems --- */

void template_problems_finish(struct template_problems *problems) {
    free(problems->items);
    *problems = (struct template_problems){0};
}

static struct template_problem *add_problem(struct template_problems *problems, const char *code) {
    if (!problems->items)
        problems->items = mem_zalloc(TEMPLATE_PROBLEMS_MAX * sizeof *problems->items);
    /* The last one is overwritten when there are too many. */
    size_t index = problems->count < TEMPLATE_PROBLEMS_MAX ? problems->count++ : TEMPLATE_PROBLEMS_MAX - 1;
    struct template_problem *problem = &problems->items[index];
    *problem = (struct template_problem){0};
    str_copy(problem->code, sizeof problem->code, code);
    return problem;
}

/* What was cut in the middle of a character would spoil the answer. */
static void trim_utf8(char *text) {
    for (size_t length = strlen(text); length && !str_is_utf8(text, length); length--)
        text[length - 1] = '\0';
}

void template_problem_add(struct template_problems *problems, const char *code, const char *field,
                          const char *format, ...) {
    struct template_problem *problem = add_problem(problems, code);
    va_list args;
    va_start(args, format);
    vsnprintf(problem->message, sizeof problem->message, format, args);
    va_end(args);
    str_copy(problem->field, sizeof problem->field, field);
    trim_utf8(problem->field);
    trim_utf8(problem->message);
}

int template_problems_err(const struct template_problems *problems, struct err *err) {
    const struct template_problem *first = &problems->items[0];
    char where[48] = "", more[32] = "";
    if (first->line)
        snprintf(where, sizeof where, "line %u, column %u: ", first->line, first->column);
    if (problems->count > 1)
        snprintf(more, sizeof more, " (and %zu more)", problems->count - 1);
    return err_set(err, ERR_INVALID, first->code, "%s%s%s%s%s", where, first->field,
                   *first->field ? ": " : "", first->message, more);
}

/* --- where the checker is --- */

/* A value on the way down: its name or index, and its place in the file. */
struct spot {
    const struct spot *outer;
    const char *name; /* NULL: list item number `index` */
    size_t index;
    const struct yaml_place *place; /* NULL: no file, or not there */
};

struct checker {
    struct template_problems *problems;
    unsigned document; /* from 1; 0: the API's form */
};

static void spot_text(const struct spot *spot, struct strbuf *out) {
    if (spot->outer)
        spot_text(spot->outer, out);
    if (!spot->name)
        strbuf_printf(out, "[%zu]", spot->index);
    else if (*spot->name)
        strbuf_printf(out, "%s%s", out->length ? "." : "", spot->name);
}

__attribute__((format(printf, 5, 6))) static int complain(const struct checker *c, const struct spot *spot,
                                                          bool at_key, const char *code, const char *format,
                                                          ...) {
    struct template_problem *problem = add_problem(c->problems, code);
    struct strbuf field = STRBUF_FIXED(problem->field);
    spot_text(spot, &field);
    va_list args;
    va_start(args, format);
    vsnprintf(problem->message, sizeof problem->message, format, args);
    va_end(args);
    trim_utf8(problem->field);
    trim_utf8(problem->message);
    problem->document = c->document;
    const struct yaml_place *place = spot->place;
    for (const struct spot *at = spot->outer; !place && at; at = at->outer)
        place = at->place; /* what is missing is missing in there */
    if (place) {
        bool key = at_key && place->key && place == spot->place;
        problem->line = key ? place->key_line : place->line;
        problem->column = key ? place->key_column : place->column;
    }
    return -1;
}
#define INVALID(...) complain(c, spot, false, "invalid_field", __VA_ARGS__)

static struct spot member_spot(const struct spot *outer, const char *name) {
    return (struct spot){.outer = outer, .name = name, .place = yaml_place_member(outer->place, name)};
}

static struct spot item_spot(const struct spot *outer, size_t index) {
    return (struct spot){.outer = outer, .index = index, .place = yaml_place_item(outer->place, index)};
}

/* --- single values: checked and handed back as they are kept, or NULL --- */

static bool is_plain(const char *text, bool lines) {
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == 0x7f || (byte < 0x20 && !(lines && (byte == '\n' || byte == '\t'))))
            return false;
    }
    return true;
}

static int check_values(const struct checker *c, const struct spot *spot, const char *text,
                        const struct template_field *field) {
    char list[120];
    struct strbuf names = STRBUF_FIXED(list);
    if (field->values) {
        for (const char *const *value = field->values; *value; value++) {
            if (str_eq(*value, text))
                return 0;
            strbuf_printf(&names, "%s%s", value == field->values ? "" : ", ", *value);
        }
        return INVALID("must be one of %s", list);
    }
    if (field->valid && *text && !field->valid(text))
        return INVALID("must be %s", field->expect);
    return 0;
}

/* `max` 0: none but the whole's. */
static int check_text(const struct checker *c, const struct spot *spot, const json_t *value,
                      const struct template_field *field, int64_t max, bool lines) {
    if (json_is_number(value) || json_is_boolean(value))
        return INVALID("must be a text: put it in quotes");
    if (!json_is_string(value))
        return INVALID("must be a text");
    const char *text = json_string_value(value);
    if (strlen(text) != json_string_length(value) || !is_plain(text, lines))
        return INVALID("must not contain control characters");
    if (max && (int64_t)strlen(text) > max)
        return INVALID("must have at most %lld bytes", (long long)max);
    return 0;
}

static json_t *take_text(const struct checker *c, const struct spot *spot, json_t *value,
                         const struct template_field *field) {
    if (check_text(c, spot, value, field, field->max, field->kind == TEMPLATE_LINES) < 0)
        return NULL;
    if ((int64_t)json_string_length(value) < field->min) {
        INVALID("must not be empty");
        return NULL;
    }
    return check_values(c, spot, json_string_value(value), field) < 0 ? NULL : json_incref(value);
}

static json_t *take_int(const struct checker *c, const struct spot *spot, json_t *value,
                        const struct template_field *field) {
    if (json_is_integer(value) && json_integer_value(value) >= field->min &&
        json_integer_value(value) <= field->max)
        return json_incref(value);
    INVALID("must be a whole number from %lld to %lld", (long long)field->min, (long long)field->max);
    return NULL;
}

/* Text or number. Kept as the shortest text, so that equal ones are equal texts. */
static json_t *take_quantity(const struct checker *c, const struct spot *spot, const json_t *value,
                             const struct template_field *field) {
    bool cpu = field->kind == TEMPLATE_CPU;
    char number[64] = "", text[UNITS_TEXT_SIZE];
    int64_t amount = 0;
    if (json_is_integer(value))
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(number, sizeof number, "%.12g", json_real_value(value));
    const char *given = json_is_string(value) ? json_string_value(value) : number;
    if (!(cpu ? cpu_parse(given, &amount) : bytes_parse(given, &amount)) || amount <= 0) {
        INVALID("must be %s", cpu ? "a number of cores such as 500m or 2" : "a size such as 512Mi or 2Gi");
        return NULL;
    }
    return json_string(cpu ? cpu_format(amount, text) : bytes_format(amount, text));
}

static json_t *take_duration(const struct checker *c, const struct spot *spot, const json_t *value) {
    int64_t seconds = 0;
    char text[UNITS_TEXT_SIZE];
    if (json_is_string(value) && duration_parse(json_string_value(value), &seconds) &&
        seconds <= DURATION_MAX_SECONDS)
        return json_string(duration_format(seconds, text));
    INVALID("must be a duration such as 30m or 8h, at most 365d");
    return NULL;
}

static json_t *take_bool(const struct checker *c, const struct spot *spot, json_t *value) {
    if (json_is_boolean(value))
        return json_incref(value);
    INVALID("must be true or false");
    return NULL;
}

/* --- lists and maps --- */

static bool holds(const json_t *list, const char *text) {
    size_t index;
    json_t *item;
    json_array_foreach ((json_t *)(uintptr_t)list, index, item) {
        if (str_eq(json_string_value(item), text))
            return true;
    }
    return false;
}

static int check_list(const struct checker *c, const struct spot *spot, const json_t *value, int64_t max) {
    if (!json_is_array(value))
        return INVALID("must be a list");
    if ((int64_t)json_array_size(value) > max)
        return INVALID("must have at most %lld items", (long long)max);
    return 0;
}

static json_t *take_texts(const struct checker *c, const struct spot *spot, const json_t *value,
                          const struct template_field *field) {
    if (check_list(c, spot, value, field->max) < 0)
        return NULL;
    json_t *list = json_array(), *item;
    size_t index;
    json_array_foreach ((json_t *)(uintptr_t)value, index, item) {
        const struct spot at = item_spot(spot, index);
        bool lines = field->item_max > 1024; /* words of a command may be scripts */
        if (check_text(c, &at, item, field, field->item_max, lines) < 0 ||
            check_values(c, &at, json_string_value(item), field) < 0)
            continue;
        if (!json_string_length(item) && field->unique)
            complain(c, &at, false, "invalid_field", "must not be empty");
        else if (field->unique && holds(list, json_string_value(item)))
            complain(c, &at, false, "invalid_field", "stands here a second time");
        else
            json_array_append(list, item);
    }
    return list;
}

static void put_pair(const struct checker *c, const struct spot *spot, json_t *object, const char *name,
                     json_t *value, const struct template_field *field) {
    if (strlen(name) > 128 || !field->valid(name))
        complain(c, spot, true, "invalid_field", "the name must be %s", field->expect);
    else if (json_object_get(object, name))
        complain(c, spot, true, "invalid_field", "stands here a second time");
    else if (check_text(c, spot, value, field, field->item_max, true) == 0)
        json_object_set(object, name, value);
}

static json_t *take_map(const struct checker *c, const struct spot *spot, const json_t *value,
                        const struct template_field *field) {
    const char *name;
    json_t *item, *object = json_object();
    if (!json_is_object(value) || (int64_t)json_object_size(value) > field->max) {
        INVALID("must be a mapping of at most %lld names to texts", (long long)field->max);
        return object;
    }
    json_object_foreach ((json_t *)(uintptr_t)value, name, item) {
        const struct spot at = member_spot(spot, name);
        put_pair(c, &at, object, name, item, field);
    }
    return object;
}

static json_t *take_object(const struct checker *c, const struct spot *spot, const json_t *value,
                           const struct template_field *fields, size_t count);

/* Kubernetes writes variables as a list of {name, value}. */
static json_t *take_env(const struct checker *c, const struct spot *spot, const json_t *value,
                        const struct template_field *field) {
    static const struct template_field pair[] = {
        {.name = "name", .kind = TEMPLATE_TEXT, .required = true, .max = 128},
        {.name = "value", .kind = TEMPLATE_LINES, .required = true},
    };
    if (!json_is_array(value))
        return take_map(c, spot, value, field);
    json_t *object = json_object(), *item;
    size_t index;
    if (check_list(c, spot, value, field->max) < 0)
        return object;
    json_array_foreach ((json_t *)(uintptr_t)value, index, item) {
        const struct spot at = item_spot(spot, index);
        _cleanup_json_ json_t *taken = take_object(c, &at, item, pair, ARRAY_SIZE(pair));
        const char *name = json_string_value(json_object_get(taken, "name"));
        json_t *text = json_object_get(taken, "value");
        if (!name || !text)
            continue;
        const struct spot name_at = member_spot(&at, "name");
        put_pair(c, &name_at, object, name, text, field);
    }
    return object;
}

static json_t *take_objects(const struct checker *c, const struct spot *spot, const json_t *value,
                            const struct template_field *field) {
    json_t *list = json_array(), *item;
    size_t index;
    if (check_list(c, spot, value, field->max) < 0)
        return list;
    json_array_foreach ((json_t *)(uintptr_t)value, index, item) {
        const struct spot at = item_spot(spot, index);
        json_array_append_new(list, take_object(c, &at, item, field->fields, field->field_count));
    }
    return list;
}

static json_t *take_value(const struct checker *c, const struct spot *spot, json_t *value,
                          const struct template_field *field) {
    switch (field->kind) {
    case TEMPLATE_TEXT:
    case TEMPLATE_LINES:
        return take_text(c, spot, value, field);
    case TEMPLATE_BOOL:
        return take_bool(c, spot, value);
    case TEMPLATE_INT:
        return take_int(c, spot, value, field);
    case TEMPLATE_CPU:
    case TEMPLATE_MEMORY:
        return take_quantity(c, spot, value, field);
    case TEMPLATE_DURATION:
        return take_duration(c, spot, value);
    case TEMPLATE_TEXTS:
        return take_texts(c, spot, value, field);
    case TEMPLATE_ENV:
        return take_env(c, spot, value, field);
    case TEMPLATE_MAP:
        return take_map(c, spot, value, field);
    case TEMPLATE_OBJECTS:
        return take_objects(c, spot, value, field);
    case TEMPLATE_OBJECT:
        break;
    }
    return take_object(c, spot, value, field->fields, field->field_count);
}

/* --- objects --- */

static const char *name_in(const struct checker *c, const struct template_field *field) {
    return c->document && field->file_name ? field->file_name : field->name;
}

/* Edit distance (Levenshtein) of two short words. */
static size_t distance(const char *a, const char *b) {
    size_t row[33], m = strlen(a), n = strlen(b);
    if (m > 32 || n > 32)
        return 99;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < other ? change : other;
        }
    }
    return row[n];
}

static const char *likely_name(const struct checker *c, const char *name, const struct template_field *fields,
                               size_t count) {
    static const struct {
        const char *wrong, *right;
    } known[] = {{"kasmvnc", "vnc"}, {"baseImage", "image"}, {"defaultResources", "resources"}};
    for (size_t i = 0; i < count; i++) {
        const char *right = name_in(c, &fields[i]);
        /* The other form's name, or nearly this one's. */
        if (str_eq(fields[i].name, name) || (fields[i].file_name && str_eq(fields[i].file_name, name)) ||
            distance(name, right) <= 2)
            return right;
        for (size_t k = 0; k < ARRAY_SIZE(known); k++)
            if (str_eq(known[k].wrong, name) && str_eq(known[k].right, right))
                return right;
    }
    return NULL;
}

static void refuse_unknown(const struct checker *c, const struct spot *spot, const char *name,
                           const struct template_field *fields, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (str_eq(name_in(c, &fields[i]), name))
            return;
    const struct spot at = member_spot(spot, name);
    const char *likely = likely_name(c, name, fields, count);
    if (likely)
        complain(c, &at, true, "unknown_field", "is not known here; is %s meant?", likely);
    else
        complain(c, &at, true, "unknown_field", "is not known here");
}

/* The known members of `value` under their own names. Always an object. */
static json_t *take_members(const struct checker *c, const struct spot *spot, const json_t *value,
                            const struct template_field *fields, size_t count) {
    json_t *object = json_object();
    for (size_t i = 0; i < count; i++) {
        const char *name = name_in(c, &fields[i]);
        json_t *member = json_object_get(value, name);
        const struct spot at = member_spot(spot, name);
        if (member && !json_is_null(member)) {
            json_t *taken = take_value(c, &at, member, &fields[i]);
            if (taken)
                json_object_set_new(object, fields[i].name, taken);
        } else if (fields[i].required) {
            complain(c, &at, false, "missing_field", "is missing");
        }
    }
    return object;
}

static json_t *take_object(const struct checker *c, const struct spot *spot, const json_t *value,
                           const struct template_field *fields, size_t count) {
    const char *name;
    json_t *member;
    if (!json_is_object(value)) {
        INVALID("must be a mapping");
        return json_object();
    }
    json_object_foreach ((json_t *)(uintptr_t)value, name, member)
        refuse_unknown(c, spot, name, fields, count);
    return take_members(c, spot, value, fields, count);
}

/* --- the whole --- */

static bool is_on(const json_t *spec, const char *member) {
    return json_is_true(json_object_get(json_object_get(spec, member), "enabled"));
}

static void set_default(json_t *object, const char *name, const char *text) {
    if (!json_object_get(object, name))
        json_object_set_new(object, name, json_string(text));
}

static bool is_nothing(const json_t *value) {
    return json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

json_t *template_spec_complete(const json_t *given) {
    json_t *spec = json_deep_copy(given), *value;
    const char *name;
    void *next;
    json_object_foreach_safe(spec, next, name, value) {
        if (is_nothing(value))
            json_object_del(spec, name);
    }
    json_t *resources = json_object_get(spec, "resources");
    if (!resources)
        json_object_set_new(spec, "resources", resources = json_object());
    set_default(resources, "cpu", "500m");
    set_default(resources, "memory", "512Mi");
    set_default(spec, "protocol", is_on(spec, "webapp") && !is_on(spec, "vnc") ? "http" : "vnc");
    set_default(spec, "network",
                holds(json_object_get(spec, "capabilities"), "Network") ? "outbound" : "none");
    return spec;
}

static int64_t amount_of(const json_t *spec, const char *group, const char *what) {
    const char *text = json_string_value(json_object_get(json_object_get(spec, group), what));
    int64_t amount = 0;
    if (text)
        (void)(str_eq(what, "cpu") ? cpu_parse(text, &amount) : bytes_parse(text, &amount));
    return amount;
}

/* minResources <= resources <= maxResources, as far as they are given. */
static void check_resources(const struct checker *c, const struct spot *root, const json_t *spec) {
    static const char *const whats[] = {"cpu", "memory"};
    for (size_t i = 0; i < ARRAY_SIZE(whats); i++) {
        int64_t preset = amount_of(spec, "resources", whats[i]);
        int64_t least = amount_of(spec, "minResources", whats[i]),
                most = amount_of(spec, "maxResources", whats[i]);
        const char *wrong = most && most < preset ? "maxResources" : least > preset ? "minResources" : NULL;
        if (!wrong)
            continue;
        const struct spot outer = member_spot(root, wrong), at = member_spot(&outer, whats[i]);
        complain(c, &at, false, "invalid_field", "is %s the default of %s",
                 str_eq(wrong, "maxResources") ? "less than" : "more than",
                 json_string_value(json_object_get(json_object_get(spec, "resources"), whats[i])));
    }
}

static void check_protocol(const struct checker *c, const struct spot *root, const json_t *spec) {
    const char *protocol = json_string_value(json_object_get(spec, "protocol"));
    const char *other = str_eq(protocol, "http") ? "vnc" : "webapp";
    const struct spot at = member_spot(root, "protocol");
    if (is_on(spec, other) && !is_on(spec, str_eq(other, "vnc") ? "webapp" : "vnc"))
        complain(c, &at, false, "invalid_field", "is %s, and only %s is enabled", protocol, other);
}

/* Something must be there to run, on every runtime that is named. */
static void check_runnable(const struct checker *c, const struct spot *root, const json_t *spec) {
    bool has_command = json_array_size(json_object_get(spec, "command")) > 0;
    bool has_image = json_object_get(spec, "image") != NULL;
    const json_t *wanted = json_object_get(spec, "runtimes");
    const struct spot image = member_spot(root, c->document ? "baseImage" : "image");
    const struct spot command = member_spot(root, "command");
    if (!has_command && !has_image)
        complain(c, &image, false, "missing_field", "is missing, and command too: there is nothing to run");
    else if (!has_command && holds(wanted, "local"))
        complain(c, &command, false, "missing_field", "is missing: the runtime local needs it");
}

static void check_size(const struct checker *c, const struct spot *root, const json_t *spec) {
    if (json_dumpb(spec, NULL, 0, JSON_COMPACT) > TEMPLATE_SPEC_MAX)
        complain(c, root, false, "invalid_field", "the template is larger than %d KiB",
                 TEMPLATE_SPEC_MAX / 1024);
}

#define NAME_RULE "must be 1 to %d of a-z 0-9 -, with no - at either end"

static void take_name(const struct checker *c, const struct spot *spot, const json_t *value, bool required,
                      struct template_draft *ret) {
    if (!value || json_is_null(value)) {
        if (required)
            complain(c, spot, false, "missing_field", "is missing");
    } else if (!json_is_string(value) || !id_is_template(json_string_value(value)))
        complain(c, spot, false, "invalid_field", NAME_RULE, TEMPLATE_NAME_MAX);
    else
        str_copy(ret->name, sizeof ret->name, json_string_value(value));
}

/* What is a column of its own is taken out of the members; the rest is the spec. */
static void finish_draft(const struct checker *c, const struct spot *root, json_t *members,
                         struct template_draft *ret) {
    size_t index;
    json_t *item;
    ret->enabled = !json_is_false(json_object_get(members, "enabled"));
    json_array_foreach (json_object_get(members, "groups"), index, item)
        strv_add(&ret->groups, json_string_value(item));
    json_object_del(members, "enabled");
    json_object_del(members, "groups");
    ret->spec = template_spec_complete(members);
    json_object_set_new(ret->spec, "name", json_string(ret->name));
    check_resources(c, root, ret->spec);
    check_protocol(c, root, ret->spec);
    check_runnable(c, root, ret->spec);
    check_size(c, root, ret->spec);
}

void template_draft_finish(struct template_draft *draft) {
    json_decref(draft->spec);
    strv_finish(&draft->groups);
    *draft = (struct template_draft){0};
}

void template_drafts_finish(struct template_drafts *drafts) {
    for (size_t i = 0; i < drafts->count; i++)
        template_draft_finish(&drafts->items[i]);
    free(drafts->items);
    *drafts = (struct template_drafts){0};
}

static bool is_read_only(const char *name) {
    for (const char *const *known = template_read_only; *known; known++)
        if (str_eq(*known, name))
            return true;
    return false;
}

int template_draft_json(const json_t *body, struct template_draft *ret, struct template_problems *problems) {
    const struct checker checker = {.problems = problems}, *c = &checker;
    const struct spot root = {.name = ""}, name_at = member_spot(&root, "name"),
                      version_at = member_spot(&root, "version");
    size_t before = problems->count;
    const char *name;
    json_t *value;
    if (!json_is_object(body))
        return complain(c, &root, false, "malformed_json", "the body must be a JSON object");
    json_object_foreach ((json_t *)(uintptr_t)body, name, value) {
        if (!str_eq(name, "name") && !str_eq(name, "version") && !is_read_only(name))
            refuse_unknown(c, &root, name, template_schema, template_schema_count);
    }
    take_name(c, &name_at, json_object_get(body, "name"), false, ret);
    value = json_object_get(body, "version");
    if (json_is_integer(value))
        ret->version = json_integer_value(value);
    else if (value && !json_is_null(value))
        complain(c, &version_at, false, "invalid_field", "must be a whole number");
    _cleanup_json_ json_t *members = take_members(c, &root, body, template_schema, template_schema_count);
    finish_draft(c, &root, members, ret);
    return problems->count > before ? -1 : 0;
}

int template_draft_rename(struct template_draft *draft, const char *name,
                          struct template_problems *problems) {
    const struct checker checker = {.problems = problems}, *c = &checker;
    const struct spot root = {.name = ""}, spot = member_spot(&root, "name");
    if (!name && !*draft->name)
        return complain(c, &spot, false, "missing_field", "is missing");
    if (name && *draft->name && !str_eq(name, draft->name))
        return complain(c, &spot, false, "invalid_field", "is %s, and the path says %s", draft->name, name);
    if (name && !id_is_template(name))
        return complain(c, &spot, false, "invalid_field", NAME_RULE, TEMPLATE_NAME_MAX);
    if (name)
        str_copy(draft->name, sizeof draft->name, name);
    json_object_set_new(draft->spec, "name", json_string(draft->name));
    return 0;
}

static void check_constant(const struct checker *c, const struct spot *root, const json_t *document,
                           const char *name, const char *wanted) {
    const struct spot at = member_spot(root, name);
    const json_t *value = json_object_get(document, name);
    if (!value)
        complain(c, &at, false, "missing_field", "is missing: %s is expected", wanted);
    else if (!str_eq(json_string_value(value), wanted))
        complain(c, &at, false, "invalid_field", "must be %s", wanted);
}

/* Kubernetes' own members of metadata are known, and mean nothing here. */
static const struct template_field metadata_fields[] = {
    {.name = "name"}, {.name = "namespace"}, {.name = "labels"}, {.name = "annotations"}};
static const struct template_field document_fields[] = {
    {.name = "apiVersion"}, {.name = "kind"}, {.name = "metadata"}, {.name = "spec"}};

static void draft_from_document(const struct checker *c, const struct yaml_document *document,
                                struct template_draft *ret) {
    const struct spot root = {.name = "", .place = &document->place},
                      metadata = member_spot(&root, "metadata"), spec = member_spot(&root, "spec"),
                      name_at = member_spot(&metadata, "name");
    const char *name;
    json_t *value;
    if (!json_is_object(document->value)) {
        complain(c, &root, false, "invalid_field", "a template's document must be a mapping");
        return;
    }
    json_object_foreach (document->value, name, value)
        refuse_unknown(c, &root, name, document_fields, ARRAY_SIZE(document_fields));
    check_constant(c, &root, document->value, "apiVersion", TEMPLATE_API_VERSION);
    check_constant(c, &root, document->value, "kind", TEMPLATE_KIND);
    const json_t *about = json_object_get(document->value, "metadata");
    json_object_foreach ((json_t *)(uintptr_t)about, name, value)
        refuse_unknown(c, &metadata, name, metadata_fields, ARRAY_SIZE(metadata_fields));
    take_name(c, &name_at, json_object_get(about, "name"), true, ret);
    const json_t *given = json_object_get(document->value, "spec");
    if (!given) {
        complain(c, &spec, false, "missing_field", "is missing");
        return;
    }
    _cleanup_json_ json_t *members = take_object(c, &spec, given, template_schema, template_schema_count);
    if (json_is_object(given))
        finish_draft(c, &spec, members, ret);
}

static void check_names(struct template_problems *problems, const struct template_drafts *drafts,
                        const struct yaml_documents *documents) {
    for (size_t i = 1; i < drafts->count; i++)
        for (size_t k = 0; k < i; k++) {
            if (!*drafts->items[i].name || !str_eq(drafts->items[i].name, drafts->items[k].name))
                continue;
            const struct checker c = {.problems = problems, .document = (unsigned)i + 1};
            const struct spot root = {.name = "", .place = &documents->items[i].place},
                              metadata = member_spot(&root, "metadata"), at = member_spot(&metadata, "name");
            complain(&c, &at, false, "invalid_field", "is document %zu's, too", k + 1);
            break;
        }
}

/* In the order of the file. */
static int compare_problems(const void *first, const void *second) {
    const struct template_problem *a = first, *b = second;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->column < b->column ? -1 : a->column > b->column;
}

int template_drafts_yaml(const char *text, size_t length, struct template_drafts *ret,
                         struct template_problems *problems) {
    struct yaml_documents documents;
    struct yaml_fault fault;
    size_t before = problems->count;
    if (yaml_read(text, length, TEMPLATE_DOCUMENTS_MAX, &documents, &fault) < 0) {
        template_problem_add(problems, "malformed_yaml", "", "%s", fault.message);
        problems->items[problems->count - 1].line = fault.line;
        problems->items[problems->count - 1].column = fault.column;
        return -1;
    }
    if (!documents.count)
        template_problem_add(problems, "malformed_yaml", "", "there is no document in it");
    ret->items = mem_zalloc((documents.count + 1) * sizeof *ret->items);
    for (; ret->count < documents.count; ret->count++) {
        const struct checker c = {.problems = problems, .document = (unsigned)ret->count + 1};
        draft_from_document(&c, &documents.items[ret->count], &ret->items[ret->count]);
    }
    check_names(problems, ret, &documents);
    yaml_documents_finish(&documents);
    if (problems->count > before)
        qsort(problems->items + before, problems->count - before, sizeof *problems->items, compare_problems);
    return problems->count > before ? -1 : 0;
}

/* --- out --- */

static json_t *env_list(const json_t *env) {
    json_t *list = json_array(), *value;
    const char *name;
    json_object_foreach ((json_t *)(uintptr_t)env, name, value)
        json_array_append_new(list, json_pack("{s:s, s:O}", "name", name, "value", value));
    return list;
}

bool template_write_yaml(const char *name, const json_t *spec, bool enabled, const struct strv *groups,
                         struct strbuf *out) {
    json_t *members = json_object();
    for (size_t i = 0; i < template_schema_count; i++) {
        const struct template_field *field = &template_schema[i];
        const char *key = field->file_name ? field->file_name : field->name;
        json_t *value = json_object_get(spec, field->name);
        if (value && field->kind == TEMPLATE_ENV)
            json_object_set_new(members, key, env_list(value));
        else if (value)
            json_object_set(members, key, value);
    }
    if (!enabled)
        json_object_set_new(members, "enabled", json_false());
    if (groups->count) {
        json_t *list = json_array();
        for (size_t i = 0; i < groups->count; i++)
            json_array_append_new(list, json_string(groups->items[i]));
        json_object_set_new(members, "groups", list);
    }
    _cleanup_json_ json_t *document =
        json_pack("{s:s, s:s, s:{s:s}, s:o}", "apiVersion", TEMPLATE_API_VERSION, "kind", TEMPLATE_KIND,
                  "metadata", "name", name, "spec", members);
    return document && yaml_write(document, out);
}
