#include "display/config.h"

#include "../test.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BASE "\"token\":\"" TOKEN "\",\"listen\":\"unix:/run/s.sock\""
#define MINIMAL "{" BASE ",\"command\":[\"xterm\"]}"

static int parse(struct display_config *config, const char *text, struct err *err) {
    return display_config_parse(config, text, strlen(text), err);
}

static void refused(const char *text, const char *field) {
    struct display_config config;
    struct err err = {0};
    if (parse(&config, text, &err) == 0)
        fail_msg("taken: %s", text);
    assert_int_equal(err.kind, ERR_INVALID);
    if (field)
        assert_string_equal(err.field, field);
    /* Whatever went wrong, the token is in no message, and nothing is left to be freed. */
    assert_null(strstr(err.message, "0123456789"));
    assert_null(config.listen);
    assert_null(config.command.items);
}

static void test_minimal(void **state) {
    _cleanup_display_config_ struct display_config config;
    assert_int_equal(parse(&config, MINIMAL, NULL), 0);
    assert_string_equal(config.token, TOKEN);
    assert_int_equal(config.listen_kind, DISPLAY_LISTEN_UNIX);
    assert_string_equal(config.listen, "/run/s.sock");
    assert_string_equal(config.log, "/run/streamspace/session.log");
    assert_int_equal(config.width, 1280);
    assert_int_equal(config.height, 800);
    assert_false(config.gl);
    assert_true(config.window_manager);
    assert_false(config.restart);
    assert_int_equal(config.command.count, 1);
    assert_int_equal(config.env.count, 0);
    assert_string_equal(config.workdir, "/");
    assert_string_equal(config.name, "StreamSpace");
}

static void test_everything(void **state) {
    _cleanup_display_config_ struct display_config config;
    assert_int_equal(
        parse(&config,
              "{\"token\":\"" TOKEN "\",\"listen\":\"tcp:0.0.0.0:3000\",\"log\":\"/tmp/l\","
              "\"geometry\":\"1920x1080\",\"gl\":true,\"windowManager\":false,\"onExit\":\"restart\","
              "\"command\":[\"a\",\"\",\"c d\"],\"env\":{\"HOME\":\"/home/user\",\"_A1\":\"x=y\"},"
              "\"protocol\":\"vnc\",\"name\":\"alice-terminal-1\",\"later\":{\"x\":[1]}}",
              NULL),
        0);
    assert_int_equal(config.listen_kind, DISPLAY_LISTEN_TCP);
    assert_string_equal(config.listen, "0.0.0.0:3000");
    assert_int_equal(config.width, 1920);
    assert_int_equal(config.height, 1080);
    assert_true(config.gl);
    assert_false(config.window_manager);
    assert_true(config.restart);
    assert_int_equal(config.command.count, 3);
    assert_string_equal(config.command.items[2], "c d");
    assert_true(strv_contains(&config.env, "HOME=/home/user"));
    assert_true(strv_contains(&config.env, "_A1=x=y"));
    assert_string_equal(config.workdir, "/home/user");
    assert_string_equal(config.name, "alice-terminal-1");
}

static void test_descriptor(void **state) {
    _cleanup_display_config_ struct display_config config;
    assert_int_equal(
        parse(&config, "{\"token\":\"" TOKEN "\",\"listen\":\"fd:7\",\"command\":[\"x\"]}", NULL), 0);
    assert_int_equal(config.listen_kind, DISPLAY_LISTEN_FD);
    assert_int_equal(config.listen_fd, 7);
}

static void test_workdir(void **state) {
    _cleanup_display_config_ struct display_config config;
    assert_int_equal(
        parse(&config, "{" BASE ",\"command\":[\"x\"],\"env\":{\"HOME\":\"/h\"},\"workdir\":\"/w\"}", NULL),
        0);
    assert_string_equal(config.workdir, "/w");
}

static void test_not_json(void **state) {
    refused("", NULL);
    refused("nonsense", NULL);
    refused("[]", NULL);
    refused("null", NULL);
    refused(MINIMAL "x", NULL);
    refused("{\"token\":\"" TOKEN "\"\"", NULL);
    refused("{" BASE "," BASE ",\"command\":[\"x\"]}", NULL);
    refused("{" BASE ",\"command\":[\"x\\u0000y\"]}", NULL);
    refused("{" BASE ",\"command\":[\"\xff\"]}", NULL);
}

static void test_wrong_fields(void **state) {
    static const struct {
        const char *text, *field;
    } cases[] = {
        {"{}", "token"},
        {"{\"listen\":\"unix:/a\",\"command\":[\"x\"]}", "token"},
        {"{\"token\":\"ABCDEF\",\"listen\":\"unix:/a\",\"command\":[\"x\"]}", "token"},
        {"{\"token\":\"" TOKEN "0\",\"listen\":\"unix:/a\",\"command\":[\"x\"]}", "token"},
        {"{\"token\":12,\"listen\":\"unix:/a\",\"command\":[\"x\"]}", "token"},
        {"{\"token\":\"" TOKEN "\",\"command\":[\"x\"]}", "listen"},
        {"{\"token\":\"" TOKEN "\",\"listen\":\"/a\",\"command\":[\"x\"]}", "listen"},
        {"{\"token\":\"" TOKEN "\",\"listen\":\"unix:a\",\"command\":[\"x\"]}", "listen"},
        {"{\"token\":\"" TOKEN "\",\"listen\":\"unix:\",\"command\":[\"x\"]}", "listen"},
        {"{\"token\":\"" TOKEN "\",\"listen\":\"tcp:3000\",\"command\":[\"x\"]}", "listen"},
        {"{\"token\":\"" TOKEN "\",\"listen\":\"tcp:h:66000\",\"command\":[\"x\"]}", "listen"},
        {"{\"token\":\"" TOKEN "\",\"listen\":\"tcp:h:-1\",\"command\":[\"x\"]}", "listen"},
        {"{\"token\":\"" TOKEN "\",\"listen\":\"fd:0\",\"command\":[\"x\"]}", "listen"},
        {"{\"token\":\"" TOKEN "\",\"listen\":\"fd:3x\",\"command\":[\"x\"]}", "listen"},
        {"{" BASE "}", "command"},
        {"{" BASE ",\"command\":[]}", "command"},
        {"{" BASE ",\"command\":\"xterm\"}", "command"},
        {"{" BASE ",\"command\":[\"\"]}", "command"},
        {"{" BASE ",\"command\":[\"x\"],\"geometry\":\"800\"}", "geometry"},
        {"{" BASE ",\"command\":[\"x\"],\"geometry\":\"x\"}", "geometry"},
        {"{" BASE ",\"command\":[\"x\"],\"geometry\":\"63x800\"}", "geometry"},
        {"{" BASE ",\"command\":[\"x\"],\"geometry\":\"800x8193\"}", "geometry"},
        {"{" BASE ",\"command\":[\"x\"],\"geometry\":\"800x600x2\"}", "geometry"},
        {"{" BASE ",\"command\":[\"x\"],\"geometry\":\"-800x600\"}", "geometry"},
        {"{" BASE ",\"command\":[\"x\"],\"geometry\":\"99999999999999999999x600\"}", "geometry"},
        {"{" BASE ",\"command\":[\"x\"],\"gl\":\"yes\"}", "gl"},
        {"{" BASE ",\"command\":[\"x\"],\"windowManager\":1}", "windowManager"},
        {"{" BASE ",\"command\":[\"x\"],\"onExit\":\"explode\"}", "onExit"},
        {"{" BASE ",\"command\":[\"x\"],\"protocol\":\"http\"}", "protocol"},
        {"{" BASE ",\"command\":[\"x\"],\"protocol\":\"rdp\"}", "protocol"},
        {"{" BASE ",\"command\":[\"x\"],\"log\":\"relative\"}", "log"},
        {"{" BASE ",\"command\":[\"x\"],\"workdir\":\"home\"}", "workdir"},
        {"{" BASE ",\"command\":[\"x\"],\"env\":[]}", "env"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        refused(cases[i].text, cases[i].field);
    refused("{" BASE ",\"command\":[\"x\",1]}", NULL);
    refused("{" BASE ",\"command\":[\"x\"],\"env\":{\"A\":1}}", NULL);
    refused("{" BASE ",\"command\":[\"x\"],\"env\":{\"A B\":\"x\"}}", NULL);
    refused("{" BASE ",\"command\":[\"x\"],\"env\":{\"A=B\":\"x\"}}", NULL);
    refused("{" BASE ",\"command\":[\"x\"],\"env\":{\"1A\":\"x\"}}", NULL);
    refused("{" BASE ",\"command\":[\"x\"],\"env\":{\"\":\"x\"}}", NULL);
}

static void test_http_is_refused_clearly(void **state) {
    struct display_config config;
    struct err err = {0};
    assert_int_equal(parse(&config, "{" BASE ",\"command\":[\"x\"],\"protocol\":\"http\"}", &err), -1);
    assert_non_null(strstr(err.message, "serve their own page"));
}

static void test_bounds(void **state) {
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(4 * DISPLAY_CONFIG_MAX);
    struct display_config config;
    struct err err = {0};
    strbuf_puts(&text, "{" BASE ",\"command\":[\"x\"");
    for (int i = 0; i < DISPLAY_COMMAND_WORDS_MAX; i++)
        strbuf_puts(&text, ",\"x\"");
    strbuf_puts(&text, "]}");
    refused(strbuf_str(&text), "command");

    strbuf_clear(&text);
    strbuf_puts(&text, "{" BASE ",\"command\":[\"x\"],\"env\":{\"A0\":\"\"");
    for (int i = 1; i <= DISPLAY_ENV_MAX; i++)
        strbuf_printf(&text, ",\"A%d\":\"\"", i);
    strbuf_puts(&text, "}}");
    refused(strbuf_str(&text), "env");

    strbuf_clear(&text);
    strbuf_puts(&text, "{" BASE ",\"command\":[\"x\"],\"listen2\":\"");
    for (int i = 0; i < DISPLAY_CONFIG_MAX; i++)
        strbuf_putc(&text, 'a');
    strbuf_puts(&text, "\"}");
    assert_int_equal(parse(&config, strbuf_str(&text), &err), -1);
    assert_int_equal(err.kind, ERR_TOO_LARGE);

    char path[200] = "{\"token\":\"" TOKEN "\",\"command\":[\"x\"],\"listen\":\"unix:/";
    strbuf_clear(&text);
    strbuf_puts(&text, path);
    for (int i = 0; i < 107; i++)
        strbuf_putc(&text, 'p');
    strbuf_puts(&text, "\"}");
    refused(strbuf_str(&text), "listen");

    strbuf_clear(&text);
    for (int i = 0; i < 100000; i++)
        strbuf_putc(&text, '[');
    refused(strbuf_str(&text), NULL);
}

/* Every text that is cut short, and every text with one byte changed, is either taken whole or refused whole.
 */
static void test_damaged(void **state) {
    static const char text[] =
        "{" BASE ",\"command\":[\"x\",\"y\"],\"env\":{\"A\":\"b\"},\"geometry\":\"800x600\"}";
    for (size_t length = 0; length < sizeof text - 1; length++) {
        struct display_config config;
        assert_int_equal(display_config_parse(&config, text, length, NULL), -1);
    }
    for (size_t at = 0; at < sizeof text - 1; at++)
        for (int change = 1; change < 256; change <<= 1) {
            char damaged[sizeof text];
            memcpy(damaged, text, sizeof text);
            damaged[at] = (char)(damaged[at] ^ change);
            _cleanup_display_config_ struct display_config config;
            if (display_config_parse(&config, damaged, sizeof text - 1, NULL) == 0) {
                assert_int_equal(strlen(config.token), DISPLAY_TOKEN_DIGITS);
                assert_true(config.command.count > 0);
                assert_true(config.width >= DISPLAY_SIDE_MIN && config.width <= DISPLAY_SIDE_MAX);
                assert_non_null(config.workdir);
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal),    cmocka_unit_test(test_everything),
        cmocka_unit_test(test_descriptor), cmocka_unit_test(test_workdir),
        cmocka_unit_test(test_not_json),   cmocka_unit_test(test_wrong_fields),
        cmocka_unit_test(test_bounds),     cmocka_unit_test(test_http_is_refused_clearly),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
