/* JSON out: an append writer that places commas and escapes, straight into a strbuf.
 *
 *     struct strbuf text = STRBUF_MAX(64 * 1024);
 *     struct json_writer w = JSON_WRITER(&text);
 *     jsonw_object_begin(&w);
 *     jsonw_put_string(&w, "name", name);      null when NULL
 *     jsonw_key(&w, "tags");
 *     jsonw_array_begin(&w);
 *     …
 *     jsonw_array_end(&w);
 *     jsonw_object_end(&w);
 *     if (!jsonw_ok(&w)) …
 *
 * Bytes that are not UTF-8 come out as U+FFFD: the text is valid JSON (RFC 8259) whatever goes in. Calls out
 * of order (a value without a key in an object, an end too many, deeper than JSON_WRITER_DEPTH_MAX) mark the
 * writer as failed; nothing is appended from then on.
 */
#ifndef SS_JSON_WRITER_H
#define SS_JSON_WRITER_H

#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_WRITER_DEPTH_MAX 63

struct json_writer {
    struct strbuf *out; /* borrowed */
    unsigned depth;
    uint64_t in_object; /* bit per depth: an object, else an array (depth 0: the root) */
    uint64_t has_items; /* bit per depth: a comma is due */
    bool after_key;
    bool failed;
};

#define JSON_WRITER(buffer)                                                                                  \
    (struct json_writer) {                                                                                   \
        .out = (buffer)                                                                                      \
    }

void jsonw_object_begin(struct json_writer *w);
void jsonw_object_end(struct json_writer *w);
void jsonw_array_begin(struct json_writer *w);
void jsonw_array_end(struct json_writer *w);
void jsonw_key(struct json_writer *w, const char *key);

/* Values: after a key, in an array, or alone as the root. */
void jsonw_string(struct json_writer *w, const char *text); /* not NULL */
void jsonw_string_n(struct json_writer *w, const char *text, size_t length);
void jsonw_string_or_null(struct json_writer *w, const char *text);
void jsonw_int(struct json_writer *w, int64_t value);
void jsonw_bool(struct json_writer *w, bool value);
void jsonw_double(struct json_writer *w, double value); /* null for infinities and NaN */
void jsonw_null(struct json_writer *w);
void jsonw_raw(struct json_writer *w, const char *json, size_t length); /* one whole value, trusted */
void jsonw_json(struct json_writer *w, const json_t *value);            /* NULL: null */
void jsonw_strings(struct json_writer *w, const struct strv *list);     /* as an array */

/* A key and its value. */
void jsonw_put_string(struct json_writer *w, const char *key, const char *text); /* null when NULL */
void jsonw_put_int(struct json_writer *w, const char *key, int64_t value);
void jsonw_put_bool(struct json_writer *w, const char *key, bool value);
void jsonw_put_double(struct json_writer *w, const char *key, double value);
void jsonw_put_null(struct json_writer *w, const char *key);
void jsonw_put_raw(struct json_writer *w, const char *key, const char *json); /* null when NULL or empty */
void jsonw_put_json(struct json_writer *w, const char *key, const json_t *value);
/* "key": { and "key": [ */
void jsonw_put_object(struct json_writer *w, const char *key);
void jsonw_put_array(struct json_writer *w, const char *key);

/* True when one whole value was written and the buffer did not overflow. */
bool jsonw_ok(const struct json_writer *w);

#endif
