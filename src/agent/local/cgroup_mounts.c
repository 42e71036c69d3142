#include "agent/local/cgroup.h"
#include "base/cleanup.h"

#include <stdlib.h>

static const char *const part_names[CGROUP_PARTS] = {
    [CGROUP_MEMORY] = "memory",   [CGROUP_PIDS] = "pids",       [CGROUP_CPU] = "cpu",
    [CGROUP_CPUACCT] = "cpuacct", [CGROUP_FREEZER] = "freezer", [CGROUP_UNIFIED] = "unified",
};

const char *cgroup_part_name(enum cgroup_part part) {
    return part_names[part];
}

/* Undoes the kernel's octal escapes (\040 for a blank) in place. */
static void unescape(char *text) {
    char *out = text;
    for (const char *in = text; *in;) {
        if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' && in[3] >= '0' &&
            in[3] <= '7') {
            *out++ = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
            in += 4;
        } else {
            *out++ = *in++;
        }
    }
    *out = '\0';
}

/* The parts among a comma-separated list of controllers (super options of a version 1 mount). */
static unsigned parts_of(const char *list) {
    _cleanup_strv_ struct strv names = {0};
    strv_split(&names, list, ',');
    unsigned parts = 0;
    for (unsigned part = 0; part < CGROUP_UNIFIED; part++)
        if (strv_contains(&names, part_names[part]))
            parts |= 1u << part;
    return parts;
}

/* True when a line of /proc/self/cgroup, "4:memory:/path" or "0::/path", speaks of this mount; its path. */
static const char *own_path(const struct cgroup_mount *mount, const char *line) {
    const char *first = strchr(line, ':');
    const char *second = first ? strchr(first + 1, ':') : NULL;
    if (!second)
        return NULL;
    _cleanup_free_ char *controllers = str_ndup(first + 1, (size_t)(second - first - 1));
    bool match = mount->v2 ? str_starts(line, "0::") : (parts_of(controllers) & mount->parts) != 0;
    return match ? second + 1 : NULL;
}

/* Where our own group is below the mount point. A mount that shows only a part of the hierarchy (containers)
 * has that part's path as its root. */
static char *own_directory(const struct cgroup_mount *mount, const char *root, const struct strv *self) {
    for (size_t i = 0; i < self->count; i++) {
        const char *path = own_path(mount, self->items[i]);
        if (!path)
            continue;
        size_t length = strlen(root);
        if (!str_eq(root, "/") && str_starts(path, root) && (path[length] == '/' || path[length] == '\0'))
            path += length;
        else if (!str_eq(root, "/"))
            path = "";
        return str_eq(path, "/") ? str_dup(mount->point) : str_format("%s%s", mount->point, path);
    }
    return str_dup(mount->point);
}

static void parse_line(struct cgroup_mounts *mounts, const char *line, const struct strv *self) {
    _cleanup_strv_ struct strv fields = {0};
    strv_split(&fields, line, ' ');
    size_t dash = 0;
    for (size_t i = 6; i < fields.count && !dash; i++)
        if (str_eq(fields.items[i], "-"))
            dash = i;
    if (!dash || dash + 3 >= fields.count || mounts->count == CGROUP_MOUNTS_MAX)
        return;
    const char *type = fields.items[dash + 1];
    struct cgroup_mount mount = {.v2 = str_eq(type, "cgroup2")};
    if (!mount.v2 && !str_eq(type, "cgroup"))
        return;
    mount.parts = mount.v2 ? 1u << CGROUP_UNIFIED : parts_of(fields.items[dash + 3]);
    for (size_t i = 0; i < mounts->count; i++) /* the same hierarchy mounted twice: the first will do */
        if (mounts->items[i].v2 == mount.v2 && mounts->items[i].parts == mount.parts)
            return;
    if (!mount.parts)
        return;
    unescape(fields.items[3]);
    unescape(fields.items[4]);
    mount.point = str_dup(fields.items[4]);
    mount.own = own_directory(&mount, fields.items[3], self);
    mounts->items[mounts->count++] = mount;
}

void cgroup_mounts_parse(struct cgroup_mounts *mounts, const char *mountinfo, const char *self) {
    *mounts = (struct cgroup_mounts){0};
    _cleanup_strv_ struct strv own = {0};
    strv_split(&own, self, '\n');
    _cleanup_strv_ struct strv lines = {0};
    strv_split(&lines, mountinfo, '\n');
    for (size_t i = 0; i < lines.count; i++)
        parse_line(mounts, lines.items[i], &own);
}

void cgroup_mounts_finish(struct cgroup_mounts *mounts) {
    for (size_t i = 0; i < mounts->count; i++) {
        free(mounts->items[i].point);
        free(mounts->items[i].own);
    }
    *mounts = (struct cgroup_mounts){0};
}
