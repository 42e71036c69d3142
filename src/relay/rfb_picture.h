/* One picture of a display: the client's side of RFB (RFC 6143) as far as it takes to get it.
 *
 * Speaks 3.8 without a password, asks for the whole framebuffer once, as raw pixels, and shares the display
 * with whoever is there. A pure state machine: it is given what the display says and tells what to answer; it
 * does no I/O. What the display says is not trusted.
 */
#ifndef SS_RELAY_RFB_PICTURE_H
#define SS_RELAY_RFB_PICTURE_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RFB_PICTURE_SIDE_MAX 8192
#define RFB_PICTURE_PIXELS_MAX (16 * 1024 * 1024) /* four bytes each */
#define RFB_PICTURE_HEAD_MAX 256

/* Zero-initialise; rfb_picture_finish() frees the pixels. */
struct rfb_picture {
    int stage;
    uint8_t head[RFB_PICTURE_HEAD_MAX];
    size_t have;
    uint64_t skip; /* bytes of no interest that follow */
    uint32_t width, height;
    uint8_t *pixels;     /* rows of width × 4 bytes: red, green, blue, anything */
    size_t covered;      /* pixels that have come */
    unsigned rectangles; /* of this update, to come */
    uint32_t x, y, w, h; /* the one that is coming … */
    size_t at;           /* … and its bytes so far */
};
void rfb_picture_finish(struct rfb_picture *picture);

/* Takes `length` bytes and appends what is to be said to `say`. 1: the picture is whole; 0: more is to come;
 * -1: ERR_UNAVAILABLE "bad_display", the display says what it should not. */
int rfb_picture_feed(struct rfb_picture *picture, const uint8_t *data, size_t length, struct strbuf *say,
                     struct err *err);

#endif
