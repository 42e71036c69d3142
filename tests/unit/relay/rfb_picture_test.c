#include "../test.h"

#include "base/cleanup.h"
#include "relay/rfb_picture.h"

#include <string.h>

static const char hello[] = "RFB 003.008\n\2\5\1\0\0\0\0";
static const char init[] = "\0\2\0\2"         /* 2 × 2 */
                           "0123456789abcdef" /* a format that we change */
                           "\0\0\0\4desk";
/* A bell, the upper row, what was copied, and the lower row in two pieces. */
static const char upper[] = "\2\0\0\0\1\0\0\0\0\0\2\0\1\0\0\0\0\1\2\3xABCx";
static const char lower[] =
    "\3\0\0\0\0\0\0\2hi\0\0\0\2\0\0\0\1\0\1\0\1\0\0\0\0abcx\0\1\0\1\0\1\0\1\0\0\0\0\7\x08\x09x";

static void every_cut_gives_the_same_picture(void **state) {
    char said[256];
    size_t length = 0;
    const struct {
        const char *bytes;
        size_t length;
    } parts[] = {{hello, sizeof hello - 1},
                 {init, sizeof init - 1},
                 {upper, sizeof upper - 1},
                 {lower, sizeof lower - 1}};
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        memcpy(said + length, parts[i].bytes, parts[i].length);
        length += parts[i].length;
    }
    for (size_t step = 1; step <= length; step++) {
        struct rfb_picture picture = {0};
        _cleanup_strbuf_ struct strbuf say = STRBUF_MAX(4096);
        struct err err = {0};
        int result = 0;
        for (size_t at = 0; at < length; at += step) {
            assert_int_equal(result, 0);
            size_t count = length - at < step ? length - at : step;
            result = rfb_picture_feed(&picture, (const uint8_t *)said + at, count, &say, &err);
        }
        assert_int_equal(result, 1);
        assert_int_equal(picture.width, 2);
        assert_int_equal(picture.height, 2);
        assert_memory_equal(picture.pixels, "\1\2\3xABCxabcx\7\x08\x09x", 16);
        /* Version, no password, shared, format, raw pixels only, everything, then the rest. */
        assert_memory_equal(say.data, "RFB 003.008\n\1\1\0\0\0\0\x20", 19);
        assert_int_equal(say.length, 12 + 1 + 1 + 20 + 8 + 10 + 10);
        assert_memory_equal(say.data + 42, "\3\0\0\0\0\0\0\2\0\2\3\1", 12);
        rfb_picture_finish(&picture);
    }
}

static void what_a_display_must_not_say(void **state) {
    static const struct {
        const char *bytes;
        size_t length;
        const char *word;
    } cases[] = {
        {"RFB 003.003\n", 12, "3.8"},
        {"SSH-2.0-Open", 12, "3.8"},
        {"RFB 003.008\n\0", 13, "refuses"},
        {"RFB 003.008\n\1\2", 14, "password"},
        {"RFB 003.008\n\1\1\0\0\0\1", 18, "refuses"},
        {"RFB 003.008\n\1\1\0\0\0\0\0\0\0\0................\0\0\0\0", 42, "size"},
        {"RFB 003.008\n\1\1\0\0\0\0\xff\xff\0\1................\0\0\0\0", 42, "size"},
        {"RFB 003.008\n\1\1\0\0\0\0\0\1\0\1................\0\0\0\0\x4d", 43, "unknown"},
        {"RFB 003.008\n\1\1\0\0\0\0\0\1\0\1................\0\0\0\0\0\0\0\1\0\0\0\0\0\2\0\1\0\0\0\0", 58,
         "edges"},
        {"RFB 003.008\n\1\1\0\0\0\0\0\1\0\1................\0\0\0\0\0\0\0\1\0\0\0\0\0\1\0\1\0\0\0\7", 58,
         "encoding"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct rfb_picture picture = {0};
        _cleanup_strbuf_ struct strbuf say = STRBUF_MAX(4096);
        struct err err = {0};
        assert_int_equal(
            rfb_picture_feed(&picture, (const uint8_t *)cases[i].bytes, cases[i].length, &say, &err), -1);
        assert_int_equal(err.kind, ERR_UNAVAILABLE);
        assert_non_null(strstr(err.message, cases[i].word));
        rfb_picture_finish(&picture);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_gives_the_same_picture),
        cmocka_unit_test(what_a_display_must_not_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
