#include "base/err.h"

#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int status;
    const char *code;
} kinds[] = {
    [ERR_NONE] = {200, "ok"},
    [ERR_INVALID] = {400, "invalid"},
    [ERR_UNAUTHENTICATED] = {401, "unauthenticated"},
    [ERR_DENIED] = {403, "forbidden"},
    [ERR_NOT_FOUND] = {404, "not_found"},
    [ERR_CONFLICT] = {409, "conflict"},
    [ERR_TOO_LARGE] = {413, "too_large"},
    [ERR_UNSUPPORTED] = {415, "unsupported_media_type"},
    [ERR_LIMIT] = {429, "rate_limited"},
    [ERR_UNAVAILABLE] = {503, "unavailable"},
    [ERR_INTERNAL] = {500, "internal"},
};

static void fill(struct err *err, enum err_kind kind, const char *code, const char *field, const char *format,
                 va_list args) {
    if (!err)
        return;
    err->kind = kind;
    err->sys = 0;
    str_copy(err->code, sizeof err->code, code ? code : err_kind_code(kind));
    str_copy(err->field, sizeof err->field, field ? field : "");
    vsnprintf(err->message, sizeof err->message, format, args);
}

int err_set(struct err *err, enum err_kind kind, const char *code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(err, kind, code, NULL, format, args);
    va_end(args);
    return -1;
}

int err_set_field(struct err *err, enum err_kind kind, const char *code, const char *field,
                  const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(err, kind, code, field, format, args);
    va_end(args);
    return -1;
}

static enum err_kind kind_of_errno(int number) {
    switch (number) {
    case ENOENT:
        return ERR_NOT_FOUND;
    case ECONNREFUSED:
    case ECONNRESET:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EAGAIN:
    case EPIPE:
        return ERR_UNAVAILABLE;
    default:
        return ERR_INTERNAL;
    }
}

int err_errno(struct err *err, const char *format, ...) {
    int number = errno;
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    fill(err, kind_of_errno(number), NULL, NULL, format, args);
    va_end(args);
    err->sys = number;
    char text[96];
    const char *reason = strerror_r(number, text, sizeof text);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s", reason);
    return -1;
}

int err_wrap(struct err *err, const char *format, ...) {
    if (!err)
        return -1;
    char context[ERR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    char inner[ERR_MESSAGE_MAX];
    str_copy(inner, sizeof inner, err->message);
    struct strbuf text = STRBUF_FIXED(err->message);
    strbuf_puts(&text, context);
    strbuf_puts(&text, ": ");
    strbuf_puts(&text, inner);
    return -1;
}

void err_clear(struct err *err) {
    if (err)
        *err = (struct err){0};
}

void err_copy(struct err *to, const struct err *from) {
    if (to && from && to != from)
        *to = *from;
}

int err_http_status(enum err_kind kind) {
    return kinds[kind].status;
}

const char *err_kind_code(enum err_kind kind) {
    return kinds[kind].code;
}

bool err_is(const struct err *err, const char *code) {
    return strcmp(err->code, code) == 0;
}
