#include "../test.h"

#include "base/cleanup.h"
#include "relay/frames.h"

#include <string.h>

struct seen {
    int count;
    enum frame_opcode opcode;
    uint8_t payload[FRAME_CONTROL_MAX];
    size_t length;
};

static void on_control(void *arg, enum frame_opcode opcode, const uint8_t *payload, size_t length) {
    struct seen *seen = arg;
    seen->count++;
    seen->opcode = opcode;
    seen->length = length;
    memcpy(seen->payload, payload, length);
}

/* A client's frame with the mask 1 2 3 4; returns its size. */
static size_t client_frame(uint8_t *to, uint8_t first, const char *payload, size_t length) {
    static const uint8_t mask[4] = {1, 2, 3, 4};
    size_t at = frame_head(to, FRAME_BINARY, length);
    to[0] = first;
    to[1] |= 0x80;
    memcpy(to + at, mask, 4);
    for (size_t i = 0; i < length; i++)
        to[at + 4 + i] = (uint8_t)payload[i] ^ mask[i & 3];
    return at + 4 + length;
}

static void every_cut_gives_the_same_bytes(void **state) {
    static const char text[] = "a key event, and then another one that is a little longer than a word";
    uint8_t input[512];
    size_t size = client_frame(input, 0x02, text, 20);                         /* first fragment */
    size += client_frame(input + size, 0x89, "ping", 4);                       /* in between */
    size += client_frame(input + size, 0x00, text + 20, 1);                    /* middle */
    size += client_frame(input + size, 0x80, text + 21, sizeof text - 1 - 21); /* last */
    size += client_frame(input + size, 0x82, "", 0);                           /* empty message */
    for (size_t step = 1; step <= size; step++) {
        struct frame_parser parser = {0};
        struct seen seen = {0};
        char output[512];
        size_t length = 0;
        for (size_t at = 0; at < size; at += step) {
            uint8_t piece[512];
            size_t count = size - at < step ? size - at : step;
            memcpy(piece, input + at, count);
            int code = 0;
            ptrdiff_t got = frame_parse(&parser, piece, count, 1024, on_control, &seen, &code);
            assert_true(got >= 0);
            memcpy(output + length, piece, (size_t)got);
            length += (size_t)got;
        }
        assert_int_equal(length, sizeof text - 1);
        assert_memory_equal(output, text, length);
        assert_int_equal(seen.count, 1);
        assert_int_equal(seen.opcode, FRAME_PING);
        assert_memory_equal(seen.payload, "ping", 4);
    }
}

static void wrong_frames_are_refused_with_their_code(void **state) {
    static const struct {
        uint8_t bytes[16];
        size_t size;
        int code;
    } cases[] = {
        {{0x82, 0x01, 'x'}, 3, 1002},                                 /* not masked */
        {{0xc2, 0x80}, 2, 1002},                                      /* reserved bit */
        {{0x81, 0x80}, 2, 1003},                                      /* text */
        {{0x83, 0x80}, 2, 1002},                                      /* unknown opcode */
        {{0x80, 0x80}, 2, 1002},                                      /* continues nothing */
        {{0x09, 0x80}, 2, 1002},                                      /* fragmented ping */
        {{0x89, 0xfe, 0, 126}, 4, 1002},                              /* long ping */
        {{0x82, 0xfe, 0, 5, 0, 0, 0, 0}, 8, 1002},                    /* not the shortest form */
        {{0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, 14, 1009}, /* too large */
        {{0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80}, 8, 1002},              /* a message within a message */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct frame_parser parser = {0};
        struct seen seen = {0};
        uint8_t bytes[16];
        memcpy(bytes, cases[i].bytes, sizeof bytes);
        int code = 0;
        assert_int_equal(frame_parse(&parser, bytes, cases[i].size, 1 << 20, on_control, &seen, &code), -1);
        assert_int_equal(code, cases[i].code);
    }
}

static void heads_have_the_shortest_form(void **state) {
    uint8_t head[FRAME_HEAD_MAX];
    assert_int_equal(frame_head(head, FRAME_BINARY, 125), 2);
    assert_int_equal(frame_head(head, FRAME_BINARY, 126), 4);
    assert_int_equal(head[2] << 8 | head[3], 126);
    assert_int_equal(frame_head(head, FRAME_BINARY, 65535), 4);
    assert_int_equal(frame_head(head, FRAME_BINARY, 65536), 10);
    assert_int_equal(head[7], 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_gives_the_same_bytes),
        cmocka_unit_test(wrong_frames_are_refused_with_their_code),
        cmocka_unit_test(heads_have_the_shortest_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
