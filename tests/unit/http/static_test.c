#include "http/static.h"

#include "../test.h"
#include "wire.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <zlib.h>

#define SCRIPT "console.log('hello hello hello hello hello');"

static unsigned char compressed[256];
static struct http_asset assets[3];
static const struct http_static files = {assets, ARRAY_SIZE(assets)};

static void make_assets(void) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)SCRIPT, .avail_in = sizeof SCRIPT - 1};
    deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    stream.next_out = compressed;
    stream.avail_out = sizeof compressed;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t length = stream.total_out;
    deflateEnd(&stream);
    assets[0] =
        (struct http_asset){"/index.html", "text/html; charset=utf-8", "<html>", 6, false, "\"i1\"", false};
    assets[1] =
        (struct http_asset){"/assets/a-123.js", "text/javascript", compressed, length, true, "\"a1\"", true};
    assets[2] =
        (struct http_asset){"/broken.js", "text/javascript", compressed, length - 9, true, "\"b1\"", false};
}

static void handle(void *arg, struct http_request *request) {
    if (!http_static_serve(request, &files))
        http_reply(request, 404, "text/plain", "no", 2);
}

static char *get(uint16_t port, const char *line, const char *headers) {
    _cleanup_free_ char *request =
        str_format("%s HTTP/1.1\r\nHost: x\r\n%sConnection: close\r\n\r\n", line, headers);
    return wire_exchange(port, request);
}

static void assets_are_served(void **state) {
    static const struct {
        const char *line, *headers, *status, *has, *body;
    } cases[] = {
        {"GET /", "", "200", "Cache-Control: no-cache", "<html>"},
        {"GET /index.html", "", "200", "Content-Type: text/html; charset=utf-8", "<html>"},
        {"HEAD /", "", "200", "Content-Length: 6", ""},
        {"GET /?x=1", "", "200", "ETag: \"i1\"", "<html>"},
        {"GET /", "If-None-Match: \"i1\"\r\n", "304", "ETag: \"i1\"", ""},
        {"GET /", "If-None-Match: \"x\", W/\"i1\" \r\n", "304", "", ""},
        {"GET /", "If-None-Match: *\r\n", "304", "", ""},
        {"GET /", "If-None-Match: \"i2\"\r\n", "200", "", "<html>"},
        {"GET /assets/a-123.js", "", "200", "Cache-Control: public, max-age=31536000, immutable", SCRIPT},
        {"GET /assets/a-123.js", "", "200", "Vary: Accept-Encoding", SCRIPT},
        {"GET /assets/a-123.js", "Accept-Encoding: br, gzip;q=0\r\n", "200", "", SCRIPT},
        {"GET /assets/a-123.js", "Accept-Encoding: identity\r\n", "200", "", SCRIPT},
        {"GET /assets/none.js", "Accept: */*\r\n", "404", "", "no"},
        {"GET /assets/none.js", "Accept: text/html\r\n", "404", "", "no"},
        {"GET /sessions/abc", "Accept: text/html,*/*;q=0.8\r\n", "200", "ETag: \"i1\"", "<html>"},
        {"GET /sessions/abc", "Accept: application/json\r\n", "404", "", "no"},
        {"POST /", "Content-Length: 0\r\n", "404", "", "no"},
        {"GET /../index.html", "", "404", "", "no"},
        {"GET /%69ndex.html", "", "404", "", "no"},
        {"GET /broken.js", "", "500", "", ""},
    };
    make_assets();
    struct http_server *server = NULL;
    struct err err = {0};
    struct http_server_options options = {
        .listen = "127.0.0.1:0", .listen_fd = -1, .handler = handle, .threads = 1};
    assert_int_equal(http_server_start(&server, &options, &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *answer = get(http_server_port(server), cases[i].line, cases[i].headers);
        const char *body = strstr(answer, "\r\n\r\n");
        if (!body || strncmp(answer + 9, cases[i].status, 3) != 0 || !strstr(answer, cases[i].has) ||
            strcmp(body + 4, cases[i].body) != 0)
            fail_msg("case %zu, %s %s: %s", i, cases[i].line, cases[i].headers, answer);
    }
    _cleanup_free_ char *gzip =
        get(http_server_port(server), "GET /assets/a-123.js", "Accept-Encoding: deflate, gzip;q=0.5\r\n");
    assert_non_null(strstr(gzip, "Content-Encoding: gzip"));
    assert_memory_equal(strstr(gzip, "\r\n\r\n") + 4, "\x1f\x8b", 2);
    http_server_stop(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assets_are_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
