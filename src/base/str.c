#include "base/str.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool str_copy(char *target, size_t size, const char *source) {
    size_t length = strlen(source);
    bool fits = length < size;
    if (!fits)
        length = size - 1;
    memmove(target, source, length);
    target[length] = '\0';
    return fits;
}

static _Noreturn void out_of_memory(void) {
    static const char text[] = "streamspace: out of memory\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    abort();
}

void *mem_alloc(size_t size) {
    void *memory = malloc(size ? size : 1);
    if (!memory)
        out_of_memory();
    return memory;
}

void *mem_zalloc(size_t size) {
    void *memory = calloc(1, size ? size : 1);
    if (!memory)
        out_of_memory();
    return memory;
}

void *mem_realloc(void *old, size_t size) {
    void *memory = realloc(old, size ? size : 1);
    if (!memory)
        out_of_memory();
    return memory;
}

void *mem_dup(const void *data, size_t size) {
    void *copy = mem_alloc(size);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

char *str_dup(const char *text) {
    return text ? mem_dup(text, strlen(text) + 1) : NULL;
}

char *str_ndup(const char *text, size_t length) {
    char *copy = mem_alloc(length + 1);
    if (length)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *str_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0)
        out_of_memory();
    return text;
}

bool str_ends(const char *text, const char *suffix) {
    size_t length = strlen(text);
    size_t tail = strlen(suffix);
    return length >= tail && memcmp(text + length - tail, suffix, tail) == 0;
}

bool str_to_i64(const char *text, int64_t min, int64_t max, int64_t *ret) {
    if (!text || !(isdigit((unsigned char)text[0]) || (text[0] == '-' && isdigit((unsigned char)text[1]))))
        return false;
    errno = 0;
    char *end = NULL;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

bool str_to_double(const char *text, double *ret) {
    if (!text || !(isdigit((unsigned char)text[0]) || text[0] == '-' || text[0] == '.'))
        return false;
    errno = 0;
    char *end = NULL;
    double value = strtod(text, &end);
    if (errno || end == text || *end || !isfinite(value))
        return false;
    *ret = value;
    return true;
}

/* Length of the well-formed sequence at p (RFC 3629 section 4), or 0. */
static size_t utf8_sequence(const unsigned char *p, size_t left) {
    if (p[0] < 0x80)
        return p[0] ? 1 : 0;
    size_t need = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < need)
        return 0;
    unsigned char low = 0x80, high = 0xbf;
    if (p[0] == 0xe0)
        low = 0xa0;
    else if (p[0] == 0xed)
        high = 0x9f;
    else if (p[0] == 0xf0)
        low = 0x90;
    else if (p[0] == 0xf4)
        high = 0x8f;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return need;
}

bool str_is_utf8(const char *text, size_t length) {
    const unsigned char *p = (const unsigned char *)text;
    while (length) {
        size_t step = utf8_sequence(p, length);
        if (!step)
            return false;
        p += step;
        length -= step;
    }
    return true;
}

static bool reserve(struct strbuf *buffer, size_t extra) {
    if (buffer->overflow)
        return false;
    if (extra > buffer->max || buffer->length > buffer->max - extra) {
        buffer->overflow = true;
        return false;
    }
    size_t need = buffer->length + extra + 1;
    if (need <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity ? buffer->capacity : 64;
    while (capacity < need)
        capacity *= 2;
    if (capacity > buffer->max + 1)
        capacity = buffer->max + 1;
    buffer->data = mem_realloc(buffer->data, capacity);
    buffer->capacity = capacity;
    return true;
}

void strbuf_finish(struct strbuf *buffer) {
    if (!buffer->fixed)
        free(buffer->data);
    *buffer = (struct strbuf){.max = buffer->max};
}

void strbuf_clear(struct strbuf *buffer) {
    buffer->length = 0;
    buffer->overflow = false;
    if (buffer->data)
        buffer->data[0] = '\0';
}

bool strbuf_append(struct strbuf *buffer, const void *data, size_t length) {
    if (!reserve(buffer, length)) {
        if (!buffer->fixed || buffer->length >= buffer->max)
            return false;
        length = buffer->max - buffer->length; /* a fixed buffer keeps what fits */
    }
    if (length)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return !buffer->overflow;
}

bool strbuf_puts(struct strbuf *buffer, const char *text) {
    return strbuf_append(buffer, text, strlen(text));
}

bool strbuf_putc(struct strbuf *buffer, char c) {
    if (!buffer->overflow && buffer->length < buffer->max && buffer->length + 2 <= buffer->capacity) {
        buffer->data[buffer->length++] = c;
        buffer->data[buffer->length] = '\0';
        return true;
    }
    return strbuf_append(buffer, &c, 1);
}

bool strbuf_vprintf(struct strbuf *buffer, const char *format, va_list args) {
    char small[512];
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(small, sizeof small, format, args);
    bool done = false;
    if (length >= 0 && (size_t)length < sizeof small) {
        done = strbuf_append(buffer, small, (size_t)length);
    } else if (length >= 0) {
        _cleanup_free_ char *large = mem_alloc((size_t)length + 1);
        vsnprintf(large, (size_t)length + 1, format, again);
        done = strbuf_append(buffer, large, (size_t)length);
    }
    va_end(again);
    return done;
}

bool strbuf_printf(struct strbuf *buffer, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool done = strbuf_vprintf(buffer, format, args);
    va_end(args);
    return done;
}

void strbuf_consume(struct strbuf *buffer, size_t count) {
    if (count >= buffer->length) {
        strbuf_clear(buffer);
        return;
    }
    memmove(buffer->data, buffer->data + count, buffer->length - count + 1);
    buffer->length -= count;
}

const char *strbuf_str(const struct strbuf *buffer) {
    return buffer->data ? buffer->data : "";
}

char *strbuf_steal(struct strbuf *buffer) {
    char *text = buffer->data ? buffer->data : str_dup("");
    size_t max = buffer->max;
    *buffer = (struct strbuf){.max = max};
    return text;
}

static void strv_take(struct strv *list, char *text) {
    list->items = mem_realloc(list->items, (list->count + 2) * sizeof *list->items);
    list->items[list->count++] = text;
    list->items[list->count] = NULL;
}

void strv_add(struct strv *list, const char *text) {
    strv_take(list, str_dup(text));
}

void strv_addf(struct strv *list, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        out_of_memory();
    va_end(args);
    strv_take(list, text);
}

void strv_finish(struct strv *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct strv){0};
}

bool strv_contains(const struct strv *list, const char *text) {
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->items[i], text))
            return true;
    return false;
}

void strv_split(struct strv *list, const char *text, char separator) {
    while (*text) {
        const char *end = strchrnul(text, separator);
        const char *from = text;
        const char *to = end;
        while (from < to && isspace((unsigned char)*from))
            from++;
        while (to > from && isspace((unsigned char)to[-1]))
            to--;
        if (to > from)
            strv_take(list, str_ndup(from, (size_t)(to - from)));
        text = *end ? end + 1 : end;
    }
}
