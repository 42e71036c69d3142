#include "control/templates/template_schema.h"

#include "base/cleanup.h"
#include "base/id.h"
#include "base/str.h"

#include <ctype.h>
#include <stdlib.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool consists_of(const char *text, const char *allowed) {
    return *text && !text[strspn(text, allowed)];
}

/* A word of the page's icon set, or a link, as files from elsewhere have it. */
static bool is_icon(const char *text) {
    if (consists_of(text, LETTERS DIGITS "-"))
        return strlen(text) <= 63;
    bool link = str_starts(text, "https://") || str_starts(text, "http://");
    return link && consists_of(text, LETTERS CAPITALS DIGITS "-._~:/?#[]@!$&()*+,;=%");
}

/* [host[:port]/]path[:tag][@digest], as far as characters go. */
static bool is_image(const char *text) {
    return isalnum((unsigned char)*text) && consists_of(text, LETTERS CAPITALS DIGITS "-._/:@+") &&
           !strstr(text, "//") && !strstr(text, "..") && isalnum((unsigned char)text[strlen(text) - 1]);
}

static bool is_program(const char *text) {
    return consists_of(text, LETTERS CAPITALS DIGITS "-._+/") && !strstr(text, "..");
}

static bool is_package(const char *text) {
    return strlen(text) >= 2 && isalnum((unsigned char)*text) && consists_of(text, LETTERS DIGITS "-.+");
}

static bool is_path(const char *text) {
    return *text == '/' && !strstr(text, "/../") && !str_ends(text, "/..") && !strchr(text, ' ');
}

/* The same bounds as the agent's. */
static bool is_geometry(const char *text) {
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    long width = strtol(text, &end, 10);
    if (*end != 'x' || !isdigit((unsigned char)end[1]))
        return false;
    long height = strtol(end + 1, &end, 10);
    return !*end && width >= 64 && width <= 16384 && height >= 64 && height <= 16384;
}

static bool is_variable(const char *text) {
    return !isdigit((unsigned char)*text) && consists_of(text, LETTERS CAPITALS DIGITS "_");
}

static bool is_label(const char *text) {
    return consists_of(text, LETTERS CAPITALS DIGITS "-._/");
}

static const char *const protocols[] = {"vnc", "http", NULL};
static const char *const networks[] = {"none", "outbound", NULL};
static const char *const exits[] = {"end", "restart", NULL};
static const char *const transports[] = {"TCP", "UDP", NULL};
static const char *const runtimes[] = {"local", "docker", "kubernetes", NULL};
static const char *const capabilities[] = {"Network", "Audio", "Clipboard", "USB", "Printing", NULL};

#define PORT .kind = TEMPLATE_INT, .min = 1, .max = 65535
#define FIELDS(table) .fields = (table), .field_count = ARRAY_SIZE(table)

static const struct template_field resources_fields[] = {
    {.name = "cpu", .kind = TEMPLATE_CPU},
    {.name = "memory", .kind = TEMPLATE_MEMORY},
};
static const struct template_field sandbox_fields[] = {
    {.name = "userNamespaces", .kind = TEMPLATE_BOOL},
    {.name = "debugging", .kind = TEMPLATE_BOOL},
};
static const struct template_field port_fields[] = {
    {.name = "name",
     .kind = TEMPLATE_TEXT,
     .min = 1,
     .max = 15,
     .valid = id_is_dns_label,
     .expect = "a name of a-z 0-9 -"},
    {.name = "containerPort", PORT, .required = true},
    {.name = "protocol", .kind = TEMPLATE_TEXT, .values = transports},
};
static const struct template_field mount_fields[] = {
    {.name = "name",
     .kind = TEMPLATE_TEXT,
     .required = true,
     .max = 63,
     .valid = id_is_dns_label,
     .expect = "a name of a-z 0-9 -"},
    {.name = "mountPath",
     .kind = TEMPLATE_TEXT,
     .required = true,
     .max = 255,
     .valid = is_path,
     .expect = "an absolute path"},
    {.name = "readOnly", .kind = TEMPLATE_BOOL},
};
static const struct template_field vnc_fields[] = {
    {.name = "enabled", .kind = TEMPLATE_BOOL},
    {.name = "port", PORT},
};
static const struct template_field webapp_fields[] = {
    {.name = "enabled", .kind = TEMPLATE_BOOL},
    {.name = "port", PORT},
    {.name = "path",
     .kind = TEMPLATE_TEXT,
     .min = 1,
     .max = 255,
     .valid = is_path,
     .expect = "an absolute path"},
};
static const struct template_field placement_fields[] = {
    {.name = "region", .kind = TEMPLATE_TEXT, .min = 1, .max = 63},
    {.name = "labels",
     .kind = TEMPLATE_MAP,
     .max = 32,
     .item_max = 256,
     .valid = is_label,
     .expect = "letters, digits and - . _ /"},
};

const struct template_field template_schema[] = {
    {.name = "displayName", .kind = TEMPLATE_TEXT, .required = true, .min = 1, .max = 127},
    {.name = "description", .kind = TEMPLATE_LINES, .max = 2047},
    {.name = "category", .kind = TEMPLATE_TEXT, .max = 47},
    {.name = "icon",
     .kind = TEMPLATE_TEXT,
     .max = 511,
     .valid = is_icon,
     .expect = "a word of the icon set or a link"},
    {.name = "protocol", .kind = TEMPLATE_TEXT, .values = protocols},
    {.name = "image",
     .file_name = "baseImage",
     .kind = TEMPLATE_TEXT,
     .min = 1,
     .max = 255,
     .valid = is_image,
     .expect = "an image such as example/firefox:latest"},
    {.name = "command", .kind = TEMPLATE_TEXTS, .max = 256, .item_max = 8192},
    {.name = "env",
     .kind = TEMPLATE_ENV,
     .operators = true,
     .max = 128,
     .item_max = 8192,
     .valid = is_variable,
     .expect = "letters, digits and _"},
    {.name = "programs",
     .kind = TEMPLATE_TEXTS,
     .unique = true,
     .max = 32,
     .item_max = 128,
     .valid = is_program,
     .expect = "names of programs"},
    {.name = "packages",
     .kind = TEMPLATE_TEXTS,
     .unique = true,
     .max = 32,
     .item_max = 64,
     .valid = is_package,
     .expect = "names of Debian packages"},
    {.name = "network", .kind = TEMPLATE_TEXT, .values = networks},
    {.name = "windowManager", .kind = TEMPLATE_BOOL},
    {.name = "gl", .kind = TEMPLATE_BOOL},
    {.name = "onExit", .kind = TEMPLATE_TEXT, .values = exits},
    {.name = "geometry",
     .kind = TEMPLATE_TEXT,
     .max = 11,
     .valid = is_geometry,
     .expect = "a size such as 1280x800"},
    {.name = "sandbox", .kind = TEMPLATE_OBJECT, FIELDS(sandbox_fields)},
    {.name = "pidsMax", .kind = TEMPLATE_INT, .min = 1, .max = 32768},
    {.name = "homeSize", .kind = TEMPLATE_MEMORY},
    {.name = "resources", .file_name = "defaultResources", .kind = TEMPLATE_OBJECT, FIELDS(resources_fields)},
    {.name = "minResources", .kind = TEMPLATE_OBJECT, FIELDS(resources_fields)},
    {.name = "maxResources", .kind = TEMPLATE_OBJECT, FIELDS(resources_fields)},
    {.name = "idleTimeout", .kind = TEMPLATE_DURATION},
    {.name = "maxSessionDuration", .kind = TEMPLATE_DURATION},
    {.name = "ports", .kind = TEMPLATE_OBJECTS, .max = 16, FIELDS(port_fields)},
    {.name = "volumeMounts", .kind = TEMPLATE_OBJECTS, .max = 16, FIELDS(mount_fields)},
    {.name = "vnc", .kind = TEMPLATE_OBJECT, FIELDS(vnc_fields)},
    {.name = "webapp", .kind = TEMPLATE_OBJECT, FIELDS(webapp_fields)},
    {.name = "capabilities", .kind = TEMPLATE_TEXTS, .unique = true, .max = 8, .values = capabilities},
    {.name = "tags", .kind = TEMPLATE_TEXTS, .unique = true, .max = 32, .item_max = 63},
    {.name = "runtimes", .kind = TEMPLATE_TEXTS, .unique = true, .max = 3, .values = runtimes},
    {.name = "placement", .kind = TEMPLATE_OBJECT, FIELDS(placement_fields)},
    {.name = "enabled", .kind = TEMPLATE_BOOL},
    {.name = "groups",
     .kind = TEMPLATE_TEXTS,
     .unique = true,
     .operators = true,
     .max = 64,
     .item_max = 63,
     .valid = id_is_username,
     .expect = "names of groups"},
};
const size_t template_schema_count = ARRAY_SIZE(template_schema);

const char *const template_read_only[] = {"builtin",         "overridden", "available", "unavailableReason",
                                          "unavailableCode", "agents",     "createdAt", "updatedAt",
                                          "updatedBy",       NULL};
