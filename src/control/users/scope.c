#include "control/users/scope.h"

static const char *const areas[] = {
    [SCOPE_NONE] = "",         [SCOPE_SESSIONS] = "sessions", [SCOPE_TEMPLATES] = "templates",
    [SCOPE_AGENTS] = "agents", [SCOPE_USERS] = "users",       [SCOPE_GROUPS] = "groups",
    [SCOPE_AUDIT] = "audit",   [SCOPE_SETTINGS] = "settings", [SCOPE_ANY] = "",
};

const char *scope_area_name(enum scope_area area) {
    return areas[area];
}

static scope_set bit(enum scope_area area, bool write) {
    return (scope_set)1 << (2 * (unsigned)area + (write ? 1 : 0));
}

/* 0: unknown. */
static scope_set parse_one(const char *name, size_t length) {
    for (enum scope_area area = SCOPE_SESSIONS; area < SCOPE_ANY; area++) {
        size_t size = strlen(areas[area]);
        if (length <= size || strncmp(name, areas[area], size) != 0)
            continue;
        if (length == size + 5 && strncmp(name + size, ":read", 5) == 0)
            return bit(area, false);
        if (length == size + 6 && strncmp(name + size, ":write", 6) == 0)
            return bit(area, true);
    }
    return 0;
}

int scopes_parse(const struct strv *names, scope_set *ret, struct err *err) {
    scope_set scopes = 0;
    for (size_t i = 0; i < names->count; i++) {
        scope_set one = parse_one(names->items[i], strlen(names->items[i]));
        if (!one)
            return err_set_field(err, ERR_INVALID, "invalid_field", "scopes",
                                 "'%.40s' is no scope; there are :read and :write of sessions, templates, "
                                 "agents, users, groups, audit and settings",
                                 names->items[i]);
        scopes |= one;
    }
    *ret = scopes;
    return 0;
}

scope_set scopes_read(const char *text) {
    scope_set scopes = 0;
    while (text && *text) {
        size_t length = strcspn(text, " ");
        scopes |= parse_one(text, length);
        text += length + strspn(text + length, " ");
    }
    return scopes;
}

const char *scopes_format(scope_set scopes, char *text) {
    struct strbuf out = {
        .data = text, .capacity = SCOPES_TEXT_SIZE, .max = SCOPES_TEXT_SIZE - 1, .fixed = true};
    text[0] = '\0';
    for (enum scope_area area = SCOPE_SESSIONS; area < SCOPE_ANY; area++)
        for (int write = 0; write < 2; write++)
            if (scopes & bit(area, write))
                strbuf_printf(&out, "%s%s:%s", out.length ? " " : "", areas[area], write ? "write" : "read");
    return text;
}

bool scopes_allow(scope_set scopes, enum scope_area area, bool write) {
    if (area == SCOPE_NONE)
        return false;
    if (area == SCOPE_ANY || !scopes)
        return true;
    return scopes & bit(area, true) || (!write && scopes & bit(area, false));
}
