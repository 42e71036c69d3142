#include "relay/frames.h"

#include <string.h>

#define FIN 0x80
#define RESERVED 0x70
#define MASKED 0x80

static bool is_control(uint8_t opcode) {
    return opcode & 8;
}

/* Bytes that a head needs, as far as it is known; at least 2. */
static size_t head_need(const struct frame_parser *parser) {
    if (parser->head_have < 2)
        return 2;
    size_t length = parser->head[1] & 127;
    return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + 4;
}

static uint64_t head_length(const struct frame_parser *parser, size_t *ret_mask_at) {
    size_t length = parser->head[1] & 127;
    *ret_mask_at = length == 126 ? 4 : length == 127 ? 10 : 2;
    if (length < 126)
        return length;
    uint64_t value = 0;
    for (size_t i = 2; i < *ret_mask_at; i++)
        value = value << 8 | parser->head[i];
    return value;
}

/* Checks the first two bytes: 0 or a close code. */
static int check_start(const struct frame_parser *parser) {
    uint8_t first = parser->head[0];
    uint8_t opcode = first & 15;
    size_t length = parser->head[1] & 127;
    if ((first & RESERVED) || !(parser->head[1] & MASKED))
        return 1002;
    if (is_control(opcode))
        return (first & FIN) && length <= FRAME_CONTROL_MAX && opcode <= FRAME_PONG ? 0 : 1002;
    if (opcode == FRAME_TEXT)
        return 1003;
    if (opcode > FRAME_BINARY || (opcode == FRAME_CONTINUATION) != parser->in_message)
        return 1002;
    return 0;
}

/* A whole head has come: 0 or a close code. */
static int begin_payload(struct frame_parser *parser, uint64_t frame_max) {
    size_t mask_at;
    uint64_t length = head_length(parser, &mask_at);
    size_t form = parser->head[1] & 127;
    if ((form == 126 && length < 126) || (form == 127 && length < 65536))
        return 1002; /* not the shortest form */
    if (length > frame_max)
        return 1009;
    memcpy(parser->mask, parser->head + mask_at, 4);
    parser->opcode = parser->head[0] & 15;
    parser->left = length;
    parser->mask_at = 0;
    parser->control_have = 0;
    parser->in_payload = true;
    if (!is_control(parser->opcode))
        parser->in_message = !(parser->head[0] & FIN);
    return 0;
}

/* to = from XOR mask, eight bytes at a time; they may be the same or overlap with to <= from. */
static void unmask(struct frame_parser *parser, uint8_t *to, const uint8_t *from, size_t count) {
    uint8_t turned[8];
    for (unsigned i = 0; i < 8; i++)
        turned[i] = parser->mask[(parser->mask_at + i) & 3];
    uint64_t wide;
    memcpy(&wide, turned, sizeof wide);
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t part;
        memcpy(&part, from + i, sizeof part);
        part ^= wide;
        memcpy(to + i, &part, sizeof part);
    }
    for (; i < count; i++)
        to[i] = from[i] ^ turned[i & 7];
    parser->mask_at = (parser->mask_at + (unsigned)(count & 3)) & 3;
}

ptrdiff_t frame_parse(struct frame_parser *parser, uint8_t *data, size_t length, uint64_t frame_max,
                      frame_control_fn control, void *arg, int *ret_code) {
    size_t at = 0, out = 0;
    while (at < length || (parser->in_payload && !parser->left)) {
        if (!parser->in_payload) {
            parser->head[parser->head_have++] = data[at++];
            if (parser->head_have == 2 && (*ret_code = check_start(parser)))
                return -1;
            if (parser->head_have < head_need(parser))
                continue;
            if ((*ret_code = begin_payload(parser, frame_max)))
                return -1;
            continue;
        }
        size_t count = length - at < parser->left ? length - at : (size_t)parser->left;
        if (is_control(parser->opcode)) {
            unmask(parser, parser->control + parser->control_have, data + at, count);
            parser->control_have += count;
        } else {
            unmask(parser, data + out, data + at, count);
            out += count;
        }
        at += count;
        parser->left -= count;
        if (parser->left)
            break;
        parser->in_payload = false;
        parser->head_have = 0;
        if (is_control(parser->opcode))
            control(arg, parser->opcode, parser->control, parser->control_have);
        if (parser->opcode == FRAME_CLOSE)
            break;
    }
    return (ptrdiff_t)out;
}

size_t frame_head(uint8_t head[FRAME_HEAD_MAX], enum frame_opcode opcode, uint64_t length) {
    head[0] = (uint8_t)(FIN | opcode);
    if (length < 126) {
        head[1] = (uint8_t)length;
        return 2;
    }
    size_t bytes = length < 65536 ? 2 : 8;
    head[1] = bytes == 2 ? 126 : 127;
    for (size_t i = 0; i < bytes; i++)
        head[2 + i] = (uint8_t)(length >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}
