#include "api/route.h"

#include "base/str.h"

struct path {
    char parts[ROUTE_SEGMENTS_MAX][ROUTE_SEGMENT_MAX + 1];
    size_t count;
    bool too_long; /* more or longer parts than any row has */
};

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes [text, end) (RFC 3986 section 2.1) into `part`. False when it is malformed or not allowed. */
static bool decode_part(const char *text, const char *end, char *part, bool *too_long) {
    size_t length = 0;
    while (text < end) {
        int c = (unsigned char)*text++;
        if (c == '%') {
            if (end - text < 2 || hex_value(text[0]) < 0 || hex_value(text[1]) < 0)
                return false;
            c = hex_value(text[0]) * 16 + hex_value(text[1]);
            text += 2;
        }
        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\')
            return false;
        if (length == ROUTE_SEGMENT_MAX) {
            *too_long = true;
            continue;
        }
        part[length++] = (char)c;
    }
    part[length] = '\0';
    if (*too_long)
        return true;
    return str_is_utf8(part, length) && !str_eq(part, ".") && !str_eq(part, "..");
}

static bool split(const char *raw, struct path *path) {
    if (*raw != '/')
        return false;
    char scratch[ROUTE_SEGMENT_MAX + 1];
    do {
        const char *begin = raw + 1, *end = begin + strcspn(begin, "/");
        bool full = path->count == ROUTE_SEGMENTS_MAX;
        if (!decode_part(begin, end, full ? scratch : path->parts[path->count], &path->too_long))
            return false;
        if (full)
            path->too_long = true;
        else
            path->count++;
        raw = end;
    } while (*raw);
    return true;
}

/* Compares with a pattern and copies what stands for its {parameters}. */
static bool matches(const char *pattern, const struct path *path, struct route_match *match) {
    const char *params[ROUTE_PARAMS_MAX];
    size_t param = 0, i = 0;
    for (const char *at = pattern; *at; i++) {
        const char *begin = at + 1, *end = begin + strcspn(begin, "/");
        if (i == path->count)
            return false;
        const char *part = path->parts[i];
        if (*begin == '{') {
            if (!*part || param == ROUTE_PARAMS_MAX)
                return false;
            params[param++] = part;
        } else if (strlen(part) != (size_t)(end - begin) || strncmp(part, begin, strlen(part)) != 0) {
            return false;
        }
        at = end;
    }
    if (i != path->count)
        return false;
    for (size_t k = 0; k < param; k++)
        str_copy(match->params[k], sizeof match->params[k], params[k]);
    return true;
}

static void add_allowed(struct route_match *match, const char *method) {
    struct strbuf allow = {.data = match->allow,
                           .length = strlen(match->allow),
                           .capacity = sizeof match->allow,
                           .max = sizeof match->allow - 1,
                           .fixed = true};
    strbuf_printf(&allow, "%s%s%s", match->other_methods ? ", " : "", method,
                  str_eq(method, "GET") ? ", HEAD" : "");
    match->other_methods = true;
}

int route_find(const struct route *table, size_t count, const char *method, const char *raw,
               struct route_match *match, struct err *err) {
    *match = (struct route_match){0};
    struct path path;
    path.count = 0;
    path.too_long = false;
    if (!split(raw, &path))
        return err_set(err, ERR_INVALID, "invalid_path", "the path is malformed or not allowed");
    if (path.too_long)
        return 0;
    const char *wanted = str_eq(method, "HEAD") ? "GET" : method;
    for (size_t i = 0; i < count; i++) {
        if (!matches(table[i].pattern, &path, match))
            continue;
        if (str_eq(table[i].method, wanted)) {
            match->route = &table[i];
            match->other_methods = false;
            return 0;
        }
        add_allowed(match, table[i].method);
    }
    return 0;
}
