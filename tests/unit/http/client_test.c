#include "http/client.h"

#include "../test.h"
#include "wire.h"

#include "base/cleanup.h"
#include "http/server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static struct http_server *server;
static char base[64];
static struct http_stream *_Atomic stream;
static struct http_request *_Atomic unanswered;

static void handle(void *arg, struct http_request *request) {
    const char *path = http_path(request);
    size_t length;
    const char *body = http_body(request, &length);
    if (str_eq(path, "/echo")) {
        _cleanup_free_ char *text =
            str_format("%s %s %s %s", http_method(request), http_header(request, "X-In"),
                       http_header(request, "Expect") ? "expects" : "-", length ? body : "-");
        http_add_header(request, "X-OUT", "  out ");
        http_reply(request, 200, "text/plain", text, strlen(text));
    } else if (str_eq(path, "/long")) {
        _cleanup_free_ char *text = mem_zalloc(100000);
        http_reply(request, 200, "application/octet-stream", text, 100000);
    } else if (str_eq(path, "/moved")) {
        http_add_header(request, "Location", "/echo");
        http_reply(request, 302, NULL, NULL, 0);
    } else if (str_eq(path, "/never")) {
        http_defer(request);
        unanswered = request;
    } else if (str_eq(path, "/stream")) {
        struct http_stream *made = http_reply_stream(request, 200, "text/plain", NULL, NULL);
        http_stream_write(made, "one", 3);
        atomic_store(&stream, made);
    } else if (str_eq(path, "/short")) {
        struct http_stream *made = http_reply_stream(request, 203, "text/plain", NULL, NULL);
        http_stream_write(made, "one", 3);
        http_stream_end(made);
    } else {
        http_reply(request, 404, "text/plain", "no", 2);
    }
}

static int setup(void **state) {
    struct http_server_options options = {
        .listen = "127.0.0.1:0", .listen_fd = -1, .threads = 2, .handler = handle};
    struct err err = {0};
    if (http_server_start(&server, &options, &err) < 0)
        return -1;
    snprintf(base, sizeof base, "http://127.0.0.1:%u", http_server_port(server));
    return 0;
}

static int teardown(void **state) {
    http_server_stop(server);
    http_reply(unanswered, 200, NULL, NULL, 0); /* late, but it was promised */
    return 0;
}

static struct http_client_request request_for(const char *path, char *url) {
    snprintf(url, 128, "%s%s", base, path);
    return (struct http_client_request){.method = "GET", .url = url, .timeout_ms = 5000};
}

static void whole_requests(void **state) {
    static const char *const headers[] = {"X-In: in", NULL};
    char url[128];
    struct http_client_request request = request_for("/echo", url);
    request.method = "PATCH";
    request.headers = headers;
    _cleanup_free_ char *body = mem_zalloc(2000);
    memset(body, 'b', 1999);
    request.body = body;
    request.body_length = 1999;
    struct http_client_response response = {0};
    struct err err = {0};
    assert_int_equal(http_client_request(&request, &response, &err), 0);
    assert_int_equal(response.status, 200);
    assert_true(str_starts(strbuf_str(&response.body), "PATCH in - bbb"));
    assert_string_equal(http_client_header(&response, "x-out"), "out");
    assert_string_equal(http_client_header(&response, "content-type"), "text/plain");
    assert_null(http_client_header(&response, "x-ou"));
    http_client_response_finish(&response);

    request = request_for("/echo", url);
    request.method = "DELETE";
    request.headers = headers;
    assert_int_equal(http_client_request(&request, &response, &err), 0);
    assert_string_equal(strbuf_str(&response.body), "DELETE in - -");
    http_client_response_finish(&response);

    request.method = "POST";
    assert_int_equal(http_client_request(&request, &response, &err), 0);
    assert_string_equal(strbuf_str(&response.body), "POST in - -");
    http_client_response_finish(&response);

    request.method = "HEAD";
    assert_int_equal(http_client_request(&request, &response, &err), 0);
    assert_int_equal(response.status, 200);
    assert_int_equal(response.body.length, 0);
    http_client_response_finish(&response);
}

static void any_status_is_an_answer(void **state) {
    char url[128];
    struct http_client_response response = {0};
    struct err err = {0};
    struct http_client_request request = request_for("/nowhere", url);
    assert_int_equal(http_client_request(&request, &response, &err), 0);
    assert_int_equal(response.status, 404);
    http_client_response_finish(&response);
    request = request_for("/moved", url);
    assert_int_equal(http_client_request(&request, &response, &err), 0);
    assert_int_equal(response.status, 302);
    assert_string_equal(http_client_header(&response, "location"), "/echo");
    http_client_response_finish(&response);
}

static void failures_are_told_apart(void **state) {
    char url[128];
    struct http_client_response response = {0};
    struct err err = {0};
    struct http_client_request request = request_for("/long", url);
    request.response_max = 99999;
    assert_int_equal(http_client_request(&request, &response, &err), -1);
    assert_int_equal(err.kind, ERR_TOO_LARGE);
    request.response_max = 100000;
    assert_int_equal(http_client_request(&request, &response, &err), 0);
    assert_int_equal(response.body.length, 100000);
    http_client_response_finish(&response);

    request = request_for("/never", url);
    request.timeout_ms = 300;
    int64_t begun = clock_ms();
    assert_int_equal(http_client_request(&request, &response, &err), -1);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_string_equal(err.code, "timeout");
    assert_true(clock_ms() - begun < 3000);

    request.url = "http://127.0.0.1:1/";
    assert_int_equal(http_client_request(&request, &response, &err), -1);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_null(response.body.data);

    static const char *const bad_urls[] = {"", "http://", "ftp://127.0.0.1/", "file:///etc/passwd",
                                           "http://a b/"};
    for (size_t i = 0; i < ARRAY_SIZE(bad_urls); i++) {
        request.url = bad_urls[i];
        assert_int_equal(http_client_request(&request, &response, &err), -1);
        assert_int_equal(err.kind, ERR_INVALID);
    }
    static const char *const injected[] = {"X-A: b\r\nX-C: d", NULL};
    request = request_for("/echo", url);
    request.headers = injected;
    assert_int_equal(http_client_request(&request, &response, &err), -1);
    assert_int_equal(err.kind, ERR_INVALID);
}

struct seen {
    struct strbuf text;
    int status;
    unsigned silences;
    const char *until;
};

static bool on_data(void *arg, int status, const char *data, size_t length) {
    struct seen *seen = arg;
    if (!seen->status)
        assert_int_equal(length, 0);
    seen->status = status;
    seen->silences += length == 0;
    strbuf_append(&seen->text, data, length);
    if (seen->silences == 2 && atomic_load(&stream)) {
        struct http_stream *writing = atomic_load(&stream);
        http_stream_write(writing, "two", 3);
        http_stream_end(writing);
        atomic_store(&stream, NULL);
    }
    return !seen->until || !strstr(strbuf_str(&seen->text), seen->until);
}

static void streams_are_followed(void **state) {
    char url[128];
    struct err err = {0};
    struct seen seen = {.text = STRBUF_MAX(1024)};
    struct http_client_request request = request_for("/stream", url);
    assert_int_equal(http_client_stream(&request, on_data, &seen, &err), 0);
    assert_string_equal(strbuf_str(&seen.text), "onetwo");
    assert_int_equal(seen.status, 200);
    strbuf_clear(&seen.text);
    seen.until = "one";
    seen.status = 0;
    request = request_for("/short", url);
    assert_int_equal(http_client_stream(&request, on_data, &seen, &err), 0);
    assert_int_equal(seen.status, 203);
    strbuf_finish(&seen.text);
}

static void silent_streams_end(void **state) {
    char url[128];
    struct err err = {0};
    struct seen seen = {.text = STRBUF_MAX(1024), .silences = 10};
    struct http_client_request request = request_for("/stream", url);
    request.timeout_ms = 700;
    assert_int_equal(http_client_stream(&request, on_data, &seen, &err), -1);
    assert_string_equal(err.code, "timeout");
    http_stream_end(atomic_load(&stream));
    strbuf_finish(&seen.text);
}

static void statuses_have_kinds(void **state) {
    assert_int_equal(http_client_status_kind(200), ERR_NONE);
    assert_int_equal(http_client_status_kind(302), ERR_NONE);
    assert_int_equal(http_client_status_kind(400), ERR_INVALID);
    assert_int_equal(http_client_status_kind(401), ERR_UNAUTHENTICATED);
    assert_int_equal(http_client_status_kind(404), ERR_NOT_FOUND);
    assert_int_equal(http_client_status_kind(418), ERR_INVALID);
    assert_int_equal(http_client_status_kind(502), ERR_UNAVAILABLE);
    assert_int_equal(http_client_status_kind(500), ERR_INTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_requests),          cmocka_unit_test(any_status_is_an_answer),
        cmocka_unit_test(failures_are_told_apart), cmocka_unit_test(streams_are_followed),
        cmocka_unit_test(silent_streams_end),      cmocka_unit_test(statuses_have_kinds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
