/* Strings: bounded copies, a growable buffer, small parsers.
 *
 * Allocation failure ends the process (str_dup and strbuf growth included): nothing here returns NULL for
 * want of memory. Everything that outsiders can fill goes through a strbuf with a named maximum.
 */
#ifndef SS_BASE_STR_H
#define SS_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Copies with termination. Returns false when `source` was cut. `size` >= 1. */
bool str_copy(char *target, size_t size, const char *source);

/* malloc/calloc/strdup that abort on exhaustion. Results are owned by the caller (free). */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *old, size_t size);
void *mem_dup(const void *data, size_t size);
char *str_dup(const char *text); /* NULL in, NULL out */
char *str_ndup(const char *text, size_t length);
char *str_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline bool str_eq(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}
static inline bool str_empty(const char *text) {
    return !text || !*text;
}
static inline bool str_starts(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}
bool str_ends(const char *text, const char *suffix);

/* Whole-string decimal in [min, max]; no sign tricks, no white space. */
bool str_to_i64(const char *text, int64_t min, int64_t max, int64_t *ret);
/* Whole-string decimal fraction, finite, as strtod in the C locale reads it. */
bool str_to_double(const char *text, double *ret);

/* True for well-formed UTF-8 (RFC 3629) without NUL. */
bool str_is_utf8(const char *text, size_t length);

/* A growable, always NUL-terminated text or byte buffer.
 *
 *     struct strbuf b = STRBUF_MAX(64 * 1024);   heap, refuses to grow over the limit
 *     struct strbuf b = STRBUF_FIXED(array);     no heap: cuts at the array's size
 *
 * After an overflow `overflow` stays true and further appends are dropped. */
struct strbuf {
    char *data;
    size_t length;
    size_t capacity;
    size_t max; /* content bytes, without the terminator */
    bool fixed;
    bool overflow;
};

#define STRBUF_MAX(limit)                                                                                    \
    { .max = (limit) }
#define STRBUF_FIXED(array)                                                                                  \
    { .data = (array), .capacity = sizeof(array), .max = sizeof(array) - 1, .fixed = true }

void strbuf_finish(struct strbuf *buffer); /* frees, accepts the zero object */
void strbuf_clear(struct strbuf *buffer);
bool strbuf_append(struct strbuf *buffer, const void *data, size_t length);
bool strbuf_puts(struct strbuf *buffer, const char *text);
bool strbuf_putc(struct strbuf *buffer, char c);
bool strbuf_printf(struct strbuf *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool strbuf_vprintf(struct strbuf *buffer, const char *format, va_list args);
/* Drops `count` bytes from the front. */
void strbuf_consume(struct strbuf *buffer, size_t count);
/* Content as a C string, never NULL, borrowed. */
const char *strbuf_str(const struct strbuf *buffer);
/* Content as an owned C string; the buffer is empty afterwards (not for fixed ones). */
char *strbuf_steal(struct strbuf *buffer);

#define _cleanup_strbuf_ __attribute__((cleanup(strbuf_finish)))

/* A NULL-terminated vector of owned strings (argument vectors, lists). Zero-initialise. */
struct strv {
    char **items; /* NULL or NULL-terminated */
    size_t count;
};
void strv_add(struct strv *list, const char *text);
void strv_addf(struct strv *list, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strv_finish(struct strv *list);
bool strv_contains(const struct strv *list, const char *text);
/* Appends the parts of `text` between `separator`s, without empty ones and surrounding blanks. */
void strv_split(struct strv *list, const char *text, char separator);
#define _cleanup_strv_ __attribute__((cleanup(strv_finish)))

#endif
