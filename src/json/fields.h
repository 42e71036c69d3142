/* JSON in: a table says which fields an object may have and where in a plain struct they go.
 *
 *     struct login { char *username; char *password; int64_t otp; bool has_otp; };
 *     static const struct json_field login_fields[] = {
 *         {.name = "username", JSON_STRING_AT(struct login, username), .flags = JSON_REQUIRED, .max = 63},
 *         {.name = "password", JSON_STRING_AT(struct login, password), .flags = JSON_REQUIRED, .max = 1024},
 *         {.name = "otp", JSON_INT_AT(struct login, otp), .max = 999999, .present = JSON_PRESENT(struct
 * login, has_otp)},
 *     };
 *     struct login login = {0};
 *     if (json_fields_parse(text, length, login_fields, ARRAY_SIZE(login_fields), 0, &login, NULL, err) < 0)
 * … json_fields_finish(login_fields, ARRAY_SIZE(login_fields), &login);
 *
 * Every failure is ERR_INVALID and names the field ("resources.memory") in err->field:
 *   malformed_json   not JSON (RFC 8259), not UTF-8, NUL in a string, a name twice, nested deeper than
 *                    JSON_DEPTH_MAX, or not an object
 *   unknown_field    a name that is not in the table
 *   missing_field    a required one is absent (or null)
 *   invalid_field    wrong type, out of bounds, or refused by its check
 * The target is untouched on failure but for fields set before: whatever happens, json_fields_finish() frees
 * everything that parsing put into it. Zero-initialise the target; what is not given keeps the caller's
 * defaults (numbers, bools) or stays NULL/empty.
 */
#ifndef SS_JSON_FIELDS_H
#define SS_JSON_FIELDS_H

#include "base/err.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 32
#define JSON_STRING_DEFAULT_MAX 4096 /* bytes, of strings without a max of their own */
#define JSON_LIST_DEFAULT_MAX 256    /* items, of lists and maps without a max of their own */
#define JSON_NAME_MAX 256            /* bytes, of the names in a string map */

/* An object of strings ({"app": "demo"}), in the order of the text. Zero-initialise. */
struct json_pair {
    char *name, *value;
};
struct json_pairs {
    struct json_pair *items;
    size_t count;
};
void json_pairs_add(struct json_pairs *pairs, const char *name, const char *value); /* both copied */
const char *json_pairs_get(const struct json_pairs *pairs, const char *name);       /* borrowed, or NULL */
void json_pairs_finish(struct json_pairs *pairs);

enum json_field_type {
    JSON_FIELD_STRING = 1, /* char *, owned copy */
    JSON_FIELD_INT,        /* int64_t; 3.0 is not an integer */
    JSON_FIELD_BOOL,       /* bool */
    JSON_FIELD_DOUBLE,     /* double; integers are taken too */
    JSON_FIELD_STRINGS,    /* struct strv */
    JSON_FIELD_MAP,        /* struct json_pairs */
    JSON_FIELD_OBJECT,     /* a struct with a table of its own (.table, .table_count) */
    JSON_FIELD_JSON,       /* json_t *: any value; a reference kept until json_fields_finish */
    JSON_FIELD_REST,       /* json_t *: an object of the members that no other row knows; at most one row */
};

enum {
    JSON_REQUIRED = 1 << 0, /* must be given, and not null */
    JSON_NULLABLE =
        1 << 1, /* null is taken as "given, without a value": *present is set, the value untouched */
};

/* The members `type` and `offset` of a row, with the member's C type checked by the compiler. */
#define JSON_AT_(field_type, c_type, type_, member)                                                          \
    .type = (field_type), .offset = offsetof(type_, member) + 0 * sizeof(&((type_ *)0)->member == (c_type *)0)
#define JSON_STRING_AT(type_, member) JSON_AT_(JSON_FIELD_STRING, char *, type_, member)
#define JSON_INT_AT(type_, member) JSON_AT_(JSON_FIELD_INT, int64_t, type_, member)
#define JSON_BOOL_AT(type_, member) JSON_AT_(JSON_FIELD_BOOL, bool, type_, member)
#define JSON_DOUBLE_AT(type_, member) JSON_AT_(JSON_FIELD_DOUBLE, double, type_, member)
#define JSON_STRINGS_AT(type_, member) JSON_AT_(JSON_FIELD_STRINGS, struct strv, type_, member)
#define JSON_MAP_AT(type_, member) JSON_AT_(JSON_FIELD_MAP, struct json_pairs, type_, member)
#define JSON_JSON_AT(type_, member) JSON_AT_(JSON_FIELD_JSON, json_t *, type_, member)
/* Its row has the name "*". */
#define JSON_REST_AT(type_, member) JSON_AT_(JSON_FIELD_REST, json_t *, type_, member)
#define JSON_OBJECT_AT(type_, member, rows)                                                                  \
    .type = JSON_FIELD_OBJECT, .offset = offsetof(type_, member), .table = (rows),                           \
    .table_count = sizeof(rows) / sizeof((rows)[0])
/* For `.present`: a bool member that says whether the field was given. */
#define JSON_PRESENT(type_, member) (offsetof(type_, member) + 1)

struct json_field {
    const char *name;
    enum json_field_type type;
    size_t offset;  /* of the member in the target */
    size_t present; /* JSON_PRESENT(…), or 0 */
    unsigned flags;
    /* Bounds: of the value (int, double; none when both are 0), of the bytes (string; max 0 means
     * JSON_STRING_DEFAULT_MAX), or of the number of items (lists, maps; max 0 means JSON_LIST_DEFAULT_MAX).
     */
    int64_t min, max;
    int64_t item_max;          /* bytes of each string in a list or map; 0: JSON_STRING_DEFAULT_MAX */
    const char *const *values; /* NULL-terminated: the only strings that are allowed (also of list items) */
    bool (*valid)(
        const char *text); /* for strings, each list item, each name in a map: an allow-list of id.h */
    const char *expect;    /* what `valid` wants, for the message: "a DNS label" */
    /* Looks at the parsed member; returns -1 with err set when it will not do (its field may be left empty).
     */
    int (*check)(const void *member, struct err *err);
    const struct json_field *table; /* JSON_FIELD_OBJECT */
    size_t table_count;
};

enum {
    JSON_IGNORE_UNKNOWN =
        1 << 0, /* fields that the table does not know are counted, not refused (protocols) */
};

/* Parses `length` bytes of text. `ret_unknown` (may be NULL) is given the number of fields ignored. */
int json_fields_parse(const char *text, size_t length, const struct json_field *table, size_t count,
                      unsigned flags, void *target, size_t *ret_unknown, struct err *err);
/* The same on a value that is already decoded (borrowed). */
int json_fields_take(const json_t *object, const struct json_field *table, size_t count, unsigned flags,
                     void *target, size_t *ret_unknown, struct err *err);
/* Frees what parsing put into the target and empties those members. */
void json_fields_finish(const struct json_field *table, size_t count, void *target);

/* Decodes one whole text strictly (duplicates refused, depth limited, RFC 8259): a new reference in *ret. */
int json_decode(const char *text, size_t length, json_t **ret, struct err *err);

static inline void json_decref_cleanup_p(json_t **value) {
    json_decref(*value);
}
#define _cleanup_json_ __attribute__((cleanup(json_decref_cleanup_p)))

#endif
