#include "../test.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "relay/rfb_filter.h"

#include <string.h>

#define MOST 8192

/* A piece of what a client says, as a C string with its length. */
struct piece {
    const char *bytes;
    size_t length;
};
#define PIECE(text) ((struct piece){(text), sizeof(text) - 1})

static const char hello[] = "RFB 003.008\n\x01\x01";
static const char pixel_format[] = "\0\0\0\0\x20\x18\0\1\0\xff\0\xff\0\xff\x10\x08\0\0\0\0";
static const char encodings[] = "\2\0\0\3\0\0\0\0\0\0\0\1\xff\xff\xff\x21";
static const char update_request[] = "\3\1\0\0\0\0\3\x20\2\x58";
static const char continuous[] = "\x96\1\0\0\0\0\3\x20\2\x58";
static const char fence[] = "\xf8\0\0\0\0\0\0\0\5fence";
static const char key[] = "\4\1\0\0\0\0\0\x61";
static const char pointer[] = "\5\1\0\x0a\0\x14";

struct talk {
    uint8_t said[MOST], passed[MOST];
    size_t length, passed_length;
    bool input, lost;
    char reason[RFB_REASON_SIZE];
};

static void say(struct talk *talk, const void *bytes, size_t length) {
    assert_true(talk->length + length <= MOST);
    memcpy(talk->said + talk->length, bytes, length);
    talk->length += length;
}
#define SAY(talk, text) say(talk, text, sizeof(text) - 1)

/* Gives all that was said to a new filter, in pieces of `step` bytes. */
static void filter_it(struct talk *talk, enum rfb_mode mode, size_t step) {
    struct rfb_filter filter = {.mode = mode};
    talk->passed_length = 0;
    talk->input = talk->lost = false;
    for (size_t at = 0; at < talk->length && !talk->lost; at += step) {
        uint8_t out[RFB_FILTER_ROOM(MOST)];
        size_t count = talk->length - at < step ? talk->length - at : step;
        ptrdiff_t got = rfb_filter(&filter, talk->said + at, count, mode == RFB_VIEW ? out : NULL,
                                   &talk->input, talk->reason);
        talk->lost = got < 0;
        if (mode == RFB_WATCH)
            assert_int_equal(got, count);
        if (got < 0 || mode == RFB_WATCH)
            continue;
        memcpy(talk->passed + talk->passed_length, out, (size_t)got);
        talk->passed_length += (size_t)got;
    }
}

static void looking_passes_at_every_cut(void **state) {
    struct talk talk = {0};
    SAY(&talk, hello);
    SAY(&talk, pixel_format);
    SAY(&talk, encodings);
    SAY(&talk, update_request);
    SAY(&talk, continuous);
    SAY(&talk, fence);
    SAY(&talk, update_request);
    for (size_t step = 1; step <= talk.length; step++) {
        filter_it(&talk, RFB_VIEW, step);
        assert_false(talk.lost);
        assert_false(talk.input);
        assert_int_equal(talk.passed_length, talk.length);
        assert_memory_equal(talk.passed, talk.said, talk.length);
    }
}

/* Each between two requests: those pass, and nothing of it. */
static void acting_is_dropped_at_every_cut(void **state) {
    static const struct {
        struct piece message;
        bool input;
    } cases[] = {
        {PIECE(key), true},
        {PIECE(pointer), true},
        {PIECE("\6\0\0\0\0\0\0\5hello"), true},                                   /* ClientCutText */
        {PIECE("\6\0\0\0\0\0\0\0"), true},                                        /* an empty one */
        {PIECE("\6\0\0\0\xff\xff\xff\xf8\x10\0\0\1\3\3\3\3"), true},              /* extended: provide */
        {PIECE("\6\0\0\0\xff\xff\xff\xfc\x08\0\0\1"), true},                      /* extended: notify */
        {PIECE("\6\0\0\0\xff\xff\xff\xf8\x01\0\0\1\0\0\1\0"), false},             /* extended: abilities */
        {PIECE("\6\0\0\0\xff\xff\xff\xfc\2\0\0\1"), false},                       /* extended: request */
        {PIECE("\6\0\0\0\xff\xff\xff\xfe\3\3"), false},                           /* … without flags */
        {PIECE("\xfa\0\1\2"), false},                                             /* xvp: shut down */
        {PIECE("\xfb\0\3\x20\2\x58\1\0\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3\3"), false}, /* SetDesktopSize */
        {PIECE("\xfd\x80\0\4\3\3\3\3"), true},                                    /* gii events, big endian */
        {PIECE("\xfd\x01\4\0\3\3\3\3"), false},          /* gii version, little endian */
        {PIECE("\xff\0\0\1\0\0\0\x61\0\0\0\x1e"), true}, /* QEMU key */
        {PIECE("\xff\1\0\0"), false},                    /* QEMU: sound on */
        {PIECE("\xff\1\0\2\3\2\0\0\xac\x44"), false},    /* QEMU: kind of sound */
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct talk talk = {0};
        SAY(&talk, hello);
        SAY(&talk, update_request);
        say(&talk, cases[i].message.bytes, cases[i].message.length);
        SAY(&talk, continuous);
        size_t allowed = sizeof hello + sizeof update_request + sizeof continuous - 3;
        for (size_t step = 1; step <= talk.length; step++) {
            filter_it(&talk, RFB_VIEW, step);
            assert_false(talk.lost);
            assert_int_equal(talk.input, cases[i].input);
            assert_int_equal(talk.passed_length, allowed);
            assert_memory_equal(talk.passed + allowed - (sizeof continuous - 1), continuous,
                                sizeof continuous - 1);
        }
        filter_it(&talk, RFB_WATCH, 1);
        assert_int_equal(talk.input, cases[i].input);
    }
}

static void a_cut_of_any_size_takes_no_memory_and_ends_where_it_says(void **state) {
    struct rfb_filter filter = {.mode = RFB_VIEW};
    bool input = false;
    char reason[RFB_REASON_SIZE];
    uint8_t out[RFB_FILTER_ROOM(4096)], noise[4096];
    memset(noise, 3, sizeof noise); /* would be requests */
    assert_int_equal(rfb_filter(&filter, (const uint8_t *)hello, 14, out, &input, reason), 14);
    assert_int_equal(rfb_filter(&filter, (const uint8_t *)"\6\0\0\0\x7f\xff\xff\xff", 8, out, &input, reason),
                     0);
    for (uint64_t left = 0x7fffffff; left;) {
        size_t count = left < sizeof noise ? (size_t)left : sizeof noise;
        assert_int_equal(rfb_filter(&filter, noise, count, out, &input, reason), 0);
        left -= count;
    }
    assert_int_equal(rfb_filter(&filter, (const uint8_t *)update_request, 10, out, &input, reason), 10);
    assert_memory_equal(out, update_request, 10);
}

static void looking_never_asks_for_the_display_alone(void **state) {
    struct talk talk = {0};
    SAY(&talk, "RFB 003.007\n\1");
    SAY(&talk, "\0");
    filter_it(&talk, RFB_VIEW, 1);
    assert_int_equal(talk.passed_length, 14);
    assert_int_equal(talk.passed[13], 1);
}

static void an_answer_to_a_password_passes(void **state) {
    struct talk talk = {0};
    SAY(&talk, "RFB 003.008\n\2\4\1\0\0\0\0\0\x61\4\4\4\4\4\4\4\4\1");
    size_t handshake = talk.length;
    SAY(&talk, key);
    SAY(&talk, update_request);
    filter_it(&talk, RFB_VIEW, 5);
    assert_false(talk.lost);
    assert_int_equal(talk.passed_length, handshake + 10);
    assert_memory_equal(talk.passed, talk.said, handshake);
}

static void what_cannot_be_followed_ends_with_a_reason(void **state) {
    static const struct {
        struct piece said;
        const char *reason;
    } cases[] = {
        {PIECE("RFB 003.008\n\1\1\x4d"), "view only: an unknown message (type 77)"},
        {PIECE("RFB 003.008\n\1\1\xff\7"), "view only: an unknown message (type 255)"},
        {PIECE("RFB 003.008\n\1\1\xff\1\0\3"), "view only: an unknown message (type 255)"},
        {PIECE("RFB 003.008\n\1\1\2\0\4\1"), "view only: too many encodings (type 2)"},
        {PIECE("RFB 003.008\n\1\1\xf8\0\0\0\0\0\0\0\x41"), "view only: a fence that is too long (type 248)"},
        {PIECE("RFB 003.003\n"), "view only: RFB 3.7 or 3.8 is needed"},
        {PIECE("GET / HTTP/1"), "view only: RFB 3.7 or 3.8 is needed"},
        {PIECE("RFB 003.008\n\x10"), "view only: an unknown security type"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (size_t step = 1; step <= cases[i].said.length; step++) {
            struct talk talk = {0};
            say(&talk, cases[i].said.bytes, cases[i].said.length);
            filter_it(&talk, RFB_VIEW, step);
            assert_true(talk.lost);
            assert_string_equal(talk.reason, cases[i].reason);
            /* Watching, it passes, and counts as something that was done. */
            filter_it(&talk, RFB_WATCH, step);
            assert_true(talk.input);
        }
    }
}

/* A pointer event with its top bit set is a byte longer for clients that asked for more buttons. */
static void more_buttons_make_longer_events(void **state) {
    struct talk talk = {0};
    SAY(&talk, hello);
    SAY(&talk, "\2\0\0\1\xff\xff\xfe\xc4\5\x81\0\1\0\1\x4d");
    SAY(&talk, "\5\1\0\1\0\1");                   /* … not without the bit */
    SAY(&talk, "\2\0\0\1\0\0\0\0\5\x81\0\1\0\1"); /* … nor after they were given up */
    SAY(&talk, update_request);
    for (size_t step = 1; step <= talk.length; step++) {
        filter_it(&talk, RFB_VIEW, step);
        assert_false(talk.lost);
        assert_int_equal(talk.passed_length, 14 + 8 + 8 + 10);
    }
}

static void watching_tells_input_from_the_rest(void **state) {
    struct talk talk = {0};
    SAY(&talk, hello);
    SAY(&talk, pixel_format);
    SAY(&talk, encodings);
    SAY(&talk, update_request);
    SAY(&talk, fence);
    SAY(&talk, "\6\0\0\0\xff\xff\xff\xfc\1\0\0\1");
    filter_it(&talk, RFB_WATCH, 7);
    assert_false(talk.input);
    SAY(&talk, pointer);
    filter_it(&talk, RFB_WATCH, 7);
    assert_true(talk.input);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looking_passes_at_every_cut),
        cmocka_unit_test(acting_is_dropped_at_every_cut),
        cmocka_unit_test(a_cut_of_any_size_takes_no_memory_and_ends_where_it_says),
        cmocka_unit_test(looking_never_asks_for_the_display_alone),
        cmocka_unit_test(an_answer_to_a_password_passes),
        cmocka_unit_test(what_cannot_be_followed_ends_with_a_reason),
        cmocka_unit_test(more_buttons_make_longer_events),
        cmocka_unit_test(watching_tells_input_from_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
