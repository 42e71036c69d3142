/* The client side of a WebSocket (RFC 6455 section 5) as a stream of bytes: unmasks data frames, hands out
 * control frames. A pure parser: pointer and length in, no I/O. And the heads of the frames that a server
 * sends.
 */
#ifndef SS_RELAY_FRAMES_H
#define SS_RELAY_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEAD_MAX 10     /* of a server's frame: no mask */
#define FRAME_CONTROL_MAX 125 /* payload of a control frame */

enum frame_opcode {
    FRAME_CONTINUATION = 0,
    FRAME_TEXT = 1,
    FRAME_BINARY = 2,
    FRAME_CLOSE = 8,
    FRAME_PING = 9,
    FRAME_PONG = 10,
};

/* Zero-initialise. */
struct frame_parser {
    uint8_t head[14];
    size_t head_have;
    bool in_payload;
    bool in_message; /* a fragmented message has begun */
    uint8_t opcode;
    uint8_t mask[4];
    uint64_t left; /* payload bytes to come */
    unsigned mask_at;
    uint8_t control[FRAME_CONTROL_MAX];
    size_t control_have;
};

/* A whole control frame; `payload` is borrowed for the call. */
typedef void (*frame_control_fn)(void *arg, enum frame_opcode opcode, const uint8_t *payload, size_t length);

/* Takes `length` bytes as they came from the client and leaves the payload of binary frames, unmasked, at the
 * front of `data`. Returns its length, or -1 with *ret_code the close code for the peer: 1002 protocol error,
 * 1003 text, 1009 frame over `frame_max`. What stands behind a close frame is ignored. */
ptrdiff_t frame_parse(struct frame_parser *parser, uint8_t *data, size_t length, uint64_t frame_max,
                      frame_control_fn control, void *arg, int *ret_code);

/* Writes the head of an unmasked, final frame; returns its size (2, 4 or 10). */
size_t frame_head(uint8_t head[FRAME_HEAD_MAX], enum frame_opcode opcode, uint64_t length);

#endif
