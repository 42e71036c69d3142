#include "relay/rfb_picture.h"

#include <stdlib.h>
#include <string.h>

enum stage { VERSION, SECURITY_COUNT, SECURITY_TYPES, SECURITY_RESULT, SERVER_INIT, MESSAGE, RECTANGLE };
enum { UPDATE = 0, COLOURS = 1, BELL = 2, CUT_TEXT = 3 };

static uint32_t get16(const uint8_t *at) {
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at) {
    return get16(at) << 16 | get16(at + 2);
}

void rfb_picture_finish(struct rfb_picture *picture) {
    free(picture->pixels);
    *picture = (struct rfb_picture){0};
}

static int bad(struct err *err, const char *what) {
    return err_set(err, ERR_UNAVAILABLE, "bad_display", "the display cannot be pictured: %s", what);
}

static void say_request(const struct rfb_picture *p, bool incremental, struct strbuf *say) {
    const uint8_t request[10] = {3,
                                 incremental,
                                 0,
                                 0,
                                 0,
                                 0,
                                 (uint8_t)(p->width >> 8),
                                 (uint8_t)p->width,
                                 (uint8_t)(p->height >> 8),
                                 (uint8_t)p->height};
    strbuf_append(say, (const char *)request, sizeof request);
}

/* --- one head each: what it says, and what comes next --- */

static int take_version(struct rfb_picture *p, struct strbuf *say, struct err *err) {
    if (memcmp(p->head, "RFB 003.", 8) != 0 || memcmp(p->head + 8, "008", 3) < 0)
        return bad(err, "it does not speak RFB 3.8");
    strbuf_append(say, "RFB 003.008\n", 12);
    p->stage = SECURITY_COUNT;
    return 0;
}

static int take_types(struct rfb_picture *p, struct strbuf *say, struct err *err) {
    if (!memchr(p->head + 1, 1, p->head[0]))
        return bad(err, "it wants a password");
    strbuf_append(say, "\1", 1);
    p->stage = SECURITY_RESULT;
    return 0;
}

static int take_result(struct rfb_picture *p, struct strbuf *say, struct err *err) {
    if (get32(p->head) != 0)
        return bad(err, "it refuses");
    strbuf_append(say, "\1", 1); /* shared */
    p->stage = SERVER_INIT;
    return 0;
}

static int take_init(struct rfb_picture *p, struct strbuf *say, struct err *err) {
    /* 32 bits, little endian, red in the first byte; then raw pixels alone. */
    static const uint8_t format[20] = {0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16},
                         encodings[8] = {2, 0, 0, 1, 0, 0, 0, 0};
    p->width = get16(p->head);
    p->height = get16(p->head + 2);
    if (!p->width || !p->height || p->width > RFB_PICTURE_SIDE_MAX || p->height > RFB_PICTURE_SIDE_MAX ||
        p->width * p->height > RFB_PICTURE_PIXELS_MAX)
        return bad(err, "its size");
    p->pixels = mem_zalloc((size_t)p->width * p->height * 4);
    p->skip = get32(p->head + 20); /* the name */
    strbuf_append(say, (const char *)format, sizeof format);
    strbuf_append(say, (const char *)encodings, sizeof encodings);
    say_request(p, false, say);
    p->stage = MESSAGE;
    return 0;
}

static int take_message(struct rfb_picture *p, struct err *err) {
    switch (p->head[0]) {
    case UPDATE:
        p->rectangles = get16(p->head + 2);
        if (p->rectangles)
            p->stage = RECTANGLE;
        return 0;
    case COLOURS:
        p->skip = 6 * (uint64_t)get16(p->head + 4);
        return 0;
    case CUT_TEXT:
        p->skip = get32(p->head + 4);
        return 0;
    default:
        return 0;
    }
}

static int take_rectangle(struct rfb_picture *p, struct err *err) {
    p->x = get16(p->head);
    p->y = get16(p->head + 2);
    p->w = get16(p->head + 4);
    p->h = get16(p->head + 6);
    p->at = 0;
    if (get32(p->head + 8) != 0)
        return bad(err, "an encoding that nobody asked for");
    if (p->x + p->w > p->width || p->y + p->h > p->height)
        return bad(err, "a rectangle beyond its edges");
    return 0;
}

/* Bytes of the head as far as it is known; 0: no such message. */
static size_t head_size(const struct rfb_picture *p) {
    static const size_t of_message[] = {[UPDATE] = 4, [COLOURS] = 6, [BELL] = 1, [CUT_TEXT] = 8};
    switch (p->stage) {
    case VERSION:
        return 12;
    case SECURITY_COUNT:
        return 1;
    case SECURITY_TYPES:
        return 1 + (size_t)p->head[0];
    case SECURITY_RESULT:
        return 4;
    case SERVER_INIT:
        return 24;
    case RECTANGLE:
        return 12;
    default:
        return !p->have ? 1 : p->head[0] <= CUT_TEXT ? of_message[p->head[0]] : 0;
    }
}

static int take_head(struct rfb_picture *p, struct strbuf *say, struct err *err) {
    switch (p->stage) {
    case VERSION:
        return take_version(p, say, err);
    case SECURITY_COUNT: /* its byte stays: the types follow it */
        p->stage = SECURITY_TYPES;
        return p->head[0] ? 0 : bad(err, "it refuses");
    case SECURITY_TYPES:
        return take_types(p, say, err);
    case SECURITY_RESULT:
        return take_result(p, say, err);
    case SERVER_INIT:
        return take_init(p, say, err);
    case RECTANGLE:
        return take_rectangle(p, err);
    default:
        return take_message(p, err);
    }
}

/* --- pixels --- */

static size_t rectangle_left(const struct rfb_picture *p) {
    return p->stage == RECTANGLE && p->have == 12 ? (size_t)p->w * p->h * 4 - p->at : 0;
}

/* Row by row to where they belong. */
static void put_pixels(struct rfb_picture *p, const uint8_t *data, size_t count) {
    size_t row_bytes = (size_t)p->w * 4;
    while (count) {
        size_t row = p->at / row_bytes, in_row = p->at % row_bytes;
        size_t part = row_bytes - in_row < count ? row_bytes - in_row : count;
        memcpy(p->pixels + ((p->y + row) * p->width + p->x) * 4 + in_row, data, part);
        p->at += part;
        data += part;
        count -= part;
    }
}

/* A rectangle is there in whole; 1 when the picture is. */
static int end_rectangle(struct rfb_picture *p, struct strbuf *say) {
    p->covered += (size_t)p->w * p->h;
    p->have = 0;
    if (--p->rectangles)
        return 0;
    p->stage = MESSAGE;
    if (p->covered >= (size_t)p->width * p->height)
        return 1;
    say_request(p, true, say);
    return 0;
}

/* Collects the head and takes it when it is whole. 1: something was done; 0: more is needed. */
static int step(struct rfb_picture *p, const uint8_t **data, size_t *length, struct strbuf *say,
                struct err *err) {
    size_t size = head_size(p);
    if (!size)
        return bad(err, "an unknown message");
    size_t count = size - p->have < *length ? size - p->have : *length;
    memcpy(p->head + p->have, *data, count);
    p->have += count;
    *data += count;
    *length -= count;
    size = head_size(p); /* which may have become known only now */
    if (!size)
        return bad(err, "an unknown message");
    if (p->have < size)
        return *length > 0;
    int stage = p->stage;
    if (take_head(p, say, err) < 0)
        return -1;
    if (stage != SECURITY_COUNT && stage != RECTANGLE)
        p->have = 0;
    return 1;
}

int rfb_picture_feed(struct rfb_picture *p, const uint8_t *data, size_t length, struct strbuf *say,
                     struct err *err) {
    for (;;) {
        if (p->skip) {
            size_t count = p->skip < length ? (size_t)p->skip : length;
            p->skip -= count;
            data += count;
            length -= count;
        } else if (p->stage == RECTANGLE && p->have == 12) {
            size_t left = rectangle_left(p), count = left < length ? left : length;
            if (count)
                put_pixels(p, data, count);
            data += count;
            length -= count;
            if (count == left && end_rectangle(p, say))
                return 1;
        } else {
            if (!length)
                return 0;
            int done = step(p, &data, &length, say, err);
            if (done <= 0)
                return done;
        }
        if (!length && !(p->stage == RECTANGLE && p->have == 12 && !rectangle_left(p)))
            return 0;
    }
}
