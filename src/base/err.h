/* The error object: made, given context and handed up in one line.
 *
 * Functions that can fail return 0 or -1 and take `struct err *err` as their last argument. The caller
 * owns the object (usually on the stack, `struct err err = {0};`) and nothing in it is allocated. On
 * success the object is left alone. `err` may be NULL where the caller does not care.
 *
 * Whoever handles an error logs it, once; whoever passes it on adds context with err_wrap().
 */
#ifndef SS_BASE_ERR_H
#define SS_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

/* What went wrong, in the terms of a caller. Each kind maps to one HTTP status (err_http_status). */
enum err_kind {
    ERR_NONE = 0,
    ERR_INVALID,         /* 400: malformed or out of bounds */
    ERR_UNAUTHENTICATED, /* 401: no or bad credentials */
    ERR_DENIED,          /* 403: not allowed */
    ERR_NOT_FOUND,       /* 404: unknown, or none of the caller's business */
    ERR_CONFLICT,        /* 409: wrong state */
    ERR_TOO_LARGE,       /* 413: body over its limit */
    ERR_UNSUPPORTED,     /* 415: media type */
    ERR_LIMIT,           /* 429: too many, try later */
    ERR_UNAVAILABLE,     /* 503: nothing can serve it now */
    ERR_INTERNAL,        /* 500: our fault */
};

#define ERR_CODE_MAX 48
#define ERR_MESSAGE_MAX 512
#define ERR_FIELD_MAX 64

struct err {
    enum err_kind kind;
    int sys;                       /* errno where the system was the cause, else 0 */
    char code[ERR_CODE_MAX];       /* stable snake_case word for programs, e.g. "no_agent" */
    char field[ERR_FIELD_MAX];     /* the offending input field, or "" */
    char message[ERR_MESSAGE_MAX]; /* for people; cut, never overrun */
};

/* Fills `err` and returns -1. `code` NULL takes the kind's default word. */
int err_set(struct err *err, enum err_kind kind, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Like err_set, naming the input field at fault. */
int err_set_field(struct err *err, enum err_kind kind, const char *code, const char *field,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* ERR_INTERNAL (or UNAVAILABLE/NOT_FOUND for the errno values that say so) with ": strerror" appended.
 * Reads errno; returns -1. */
int err_errno(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "context: " before the message; kind and code stay. Returns -1. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the error, so that the object can be used again. */
void err_clear(struct err *err);

/* Copies `from` into `to` (either may be NULL). */
void err_copy(struct err *to, const struct err *from);

/* The HTTP status (RFC 9110) of a kind. */
int err_http_status(enum err_kind kind);

/* The default code word of a kind, static. */
const char *err_kind_code(enum err_kind kind);

/* True when the error carries this code. */
bool err_is(const struct err *err, const char *code);

#endif
