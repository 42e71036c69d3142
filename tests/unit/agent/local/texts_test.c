/* Texts that the local runtime reads and writes: status lines, /proc, resolv.conf, bubblewrap's arguments,
 * the display's configuration, the packet filter's messages. */
#include "../../test.h"

#include "agent/local/net_rules.h"
#include "agent/local/process.h"
#include "agent/local/resolver.h"
#include "agent/local/sandbox.h"
#include "agent/local/status.h"
#include "agent/local/syscalls.h"
#include "base/cleanup.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <sys/socket.h>

static bool parse(struct status *ret, const char *line) {
    return status_parse(ret, line, strlen(line));
}

static void status_lines(void **state) {
    struct status status;
    assert_true(parse(&status, "{\"state\":\"starting\",\"stage\":\"starting display\"}"));
    assert_int_equal(status.state, STATUS_STARTING);
    assert_string_equal(status.stage, "starting display");
    assert_true(parse(&status, "{\"state\":\"running\",\"pid\":7}"));
    assert_int_equal(status.state, STATUS_RUNNING);
    assert_true(parse(&status, "{\"state\":\"ended\",\"failed\":true,\"reason\":\"a\\u001b[31mb\\nc\"}"));
    assert_true(status.failed);
    assert_string_equal(status.reason, "a [31mb c");
    static const char *const bad[] = {"",
                                      "{}",
                                      "[]",
                                      "{\"state\":7}",
                                      "{\"state\":\"dancing\"}",
                                      "running",
                                      "{\"state\":\"running\",\"state\":\"ended\"}"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(parse(&status, bad[i]));
}

static void long_texts_are_cut_at_characters(void **state) {
    char line[2000] = "{\"state\":\"ended\",\"reason\":\"x";
    for (int i = 0; i < 300; i++)
        memcpy(line + strlen(line), "\xc3\xa4", 3);
    memcpy(line + strlen(line), "\"}", 3);
    struct status status;
    assert_true(parse(&status, line));
    assert_true(strlen(status.reason) >= SESSION_REASON_MAX - 3);
    assert_true(str_is_utf8(status.reason, strlen(status.reason)));
}

static void status_connections(void **state) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    struct status_reader reader = {0};
    struct status status;
    assert_int_equal(status_read(&reader, pair[0], &status), STATUS_LATER);
    static const char two[] = "{\"state\":\"starting\"}\n{\"state\":\"running\"}\n{\"sta";
    assert_int_equal(send(pair[1], two, strlen(two), 0), strlen(two));
    assert_int_equal(status_read(&reader, pair[0], &status), STATUS_LINE);
    assert_int_equal(status_read(&reader, pair[0], &status), STATUS_LINE);
    assert_int_equal(status.state, STATUS_RUNNING);
    assert_int_equal(status_read(&reader, pair[0], &status), STATUS_LATER);
    assert_int_equal(send(pair[1], "te\":\"ended\"}\n", 13, 0), 13);
    assert_int_equal(status_read(&reader, pair[0], &status), STATUS_LINE);
    assert_int_equal(status.state, STATUS_ENDED);
    /* No end of line in sight. */
    char much[STATUS_LINE_MAX];
    memset(much, 'x', sizeof much);
    assert_int_equal(send(pair[1], much, sizeof much, 0), sizeof much);
    assert_int_equal(status_read(&reader, pair[0], &status), STATUS_BAD);
    /* A flood of good lines. */
    reader = (struct status_reader){0};
    char drop[STATUS_LINE_MAX];
    while (recv(pair[0], drop, sizeof drop, 0) > 0)
        ;
    enum status_result result = STATUS_LINE;
    int lines = 0;
    while (result == STATUS_LINE && lines < 2 * STATUS_LINES_MAX) {
        assert_int_equal(send(pair[1], "{\"state\":\"running\"}\n", 20, 0), 20);
        result = status_read(&reader, pair[0], &status);
        lines++;
    }
    assert_int_equal(result, STATUS_BAD);
    assert_int_equal(lines, STATUS_LINES_MAX + 1);
    close(pair[1]);
    reader = (struct status_reader){0};
    assert_int_equal(status_read(&reader, pair[0], &status), STATUS_CLOSED);
    close(pair[0]);
}

static void start_times(void **state) {
    uint64_t start = 0;
    assert_true(
        process_parse_start("7 (a) b) S) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 0 0", &start));
    assert_int_equal(start, 987654);
    assert_false(process_parse_start("", &start));
    assert_false(process_parse_start("7 (a) S 1 2 3", &start));
    struct process_id self, other;
    assert_true(process_identify(getpid(), &self));
    int pidfd = process_open(&self);
    assert_true(pidfd >= 0);
    close(pidfd);
    other = self;
    other.start++; /* the same pid in another life */
    assert_int_equal(process_open(&other), -1);
}

static void resolvers(void **state) {
    struct host_address own = {.family = AF_INET, .bytes = {172, 17, 0, 1}};
    struct host_addresses host = {.items = &own, .count = 1};
    static const struct {
        const char *host, *session;
    } cases[] = {
        {"nameserver 192.0.2.53\n", "nameserver 192.0.2.53\n"},
        {"# comment\nnameserver\t127.0.0.53\noptions edns0\nsearch example.org\n",
         "options edns0\nsearch example.org\nnameserver 169.254.127.53\n"},
        {"nameserver 172.17.0.1\nnameserver 2001:db8::53\nnameserver ::1\n",
         "nameserver 169.254.127.53\nnameserver 2001:db8::53\n"},
        {"nameserver fe80::1%eth0\n", "nameserver 169.254.127.53\n"},
        {"", "nameserver 169.254.127.53\n"},
        {"nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n",
         "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n"},
        {"nameserver not-an-address\nevil line\n", "nameserver 169.254.127.53\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = resolver_make(cases[i].host, &host);
        assert_string_equal(text, cases[i].session);
    }
}

static int index_of(const struct strv *list, const char *word) {
    for (size_t i = 0; i < list->count; i++)
        if (str_eq(list->items[i], word))
            return (int)i;
    return -1;
}

static void arguments(void **state) {
    struct sandbox_files files;
    sandbox_files_make(&files, "s", "nameserver 192.0.2.53\n");
    struct sandbox_shape shape = {.bwrap = "/usr/bin/bwrap",
                                  .session_id = "s",
                                  .files = &files,
                                  .sizes = sandbox_sizes_of(256 << 20, 0),
                                  .command = "/opt/tool/bin/tool"};
    _cleanup_strv_ struct strv list = {0};
    sandbox_arguments(&list, &shape);
    assert_string_equal(list.items[0], "/usr/bin/bwrap");
    static const char *const needed[] = {"--unshare-user", "--unshare-pid",    "--unshare-ipc",
                                         "--unshare-uts",  "--unshare-cgroup", "--disable-userns",
                                         "--new-session",  "--as-pid-1",       "--seccomp",
                                         "/opt/tool",      "/etc/resolv.conf"};
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
        if (index_of(&list, needed[i]) < 0)
            fail_msg("%s is missing", needed[i]);
    assert_int_equal(index_of(&list, "--die-with-parent"), -1); /* sessions outlive the agent */
    assert_int_equal(index_of(&list, "--share-net"), -1);
    assert_string_equal(list.items[index_of(&list, "--cap-drop") + 1], "ALL");
    /* The configuration is the last thing to be copied: there bubblewrap waits for the agent. */
    int config = index_of(&list, "/run/streamspace/display.json");
    assert_true(config > index_of(&list, "/etc/resolv.conf"));
    assert_string_equal(list.items[config + 1], "--remount-ro");
    assert_string_equal(list.items[list.count - 1], "/run/streamspace/display.json");
    _cleanup_strv_ struct strv with = {0};
    shape.own_namespaces = shape.persistent_home = true;
    sandbox_arguments(&with, &shape);
    assert_int_equal(index_of(&with, "--disable-userns"), -1);
    assert_string_equal(with.items[index_of(&with, "/tmp/home") + 1], "/home/user");
    sandbox_files_finish(&files);
}

static void sizes(void **state) {
    struct sandbox_sizes normal = sandbox_sizes_of(256 << 20, 0);
    assert_int_equal(normal.home, 64 << 20);
    assert_int_equal(normal.tmp, 64 << 20);
    assert_int_equal(sandbox_sizes_of(256 << 20, 100 << 20).home, 100 << 20);
    assert_int_equal(sandbox_sizes_of(256 << 20, (int64_t)1 << 40).home, 128 << 20);
    assert_true(sandbox_sizes_of(0, 0).home > 0);
    assert_true(sandbox_sizes_of(1 << 20, 0).home > 0);
}

static void configuration(void **state) {
    const char *const command[] = {"xterm", "-e", "echo \"hi\"", NULL};
    const char *const env[] = {"A=1", "HOME=/elsewhere", "B=x=y", "broken", "=x", NULL};
    struct session_spec spec = {.session_id = "s",
                                .command = command,
                                .env = env,
                                .on_exit = "restart",
                                .display_token = "0123",
                                .gl = true};
    char *text = sandbox_display_config(&spec);
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    free(text);
    assert_string_equal(json_string_value(json_object_get(object, "token")), "0123");
    assert_string_equal(json_string_value(json_object_get(object, "listen")), "fd:3");
    assert_string_equal(json_string_value(json_object_get(object, "onExit")), "restart");
    assert_string_equal(json_string_value(json_object_get(object, "geometry")), "1280x800");
    assert_true(json_is_true(json_object_get(object, "gl")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(object, "command"), 2)),
                        "echo \"hi\"");
    json_t *set = json_object_get(object, "env");
    assert_string_equal(json_string_value(json_object_get(set, "HOME")), "/elsewhere");
    assert_string_equal(json_string_value(json_object_get(set, "B")), "x=y");
    assert_string_equal(json_string_value(json_object_get(set, "USER")), "user");
    assert_null(json_object_get(set, "broken"));
    json_decref(object);
    const char *const broken[] = {"\xff\xfe", NULL};
    spec.command = broken;
    text = sandbox_display_config(&spec); /* not text: either refused or without that word, never nonsense */
    assert_true(!text || !strstr(text, "\xff"));
    free(text);
}

/* Walks the messages as the kernel would. */
static size_t count_messages(const struct strbuf *script) {
    size_t count = 0, at = 0;
    while (at < script->length) {
        struct nlmsghdr header;
        assert_true(script->length - at >= sizeof header);
        memcpy(&header, script->data + at, sizeof header);
        assert_true(header.nlmsg_len >= sizeof header && header.nlmsg_len <= script->length - at);
        assert_int_equal(header.nlmsg_len % NLMSG_ALIGNTO, 0);
        at += header.nlmsg_len;
        count++;
    }
    return count;
}

static void filter_messages(void **state) {
    struct host_address addresses[] = {{AF_INET, {192, 0, 2, 2}}, {AF_INET6, {0xfd, 0, [15] = 2}}};
    struct host_addresses host = {.items = addresses, .count = 2};
    struct host_addresses none = {0};
    _cleanup_strbuf_ struct strbuf whole = STRBUF_MAX(NET_SCRIPT_MAX);
    _cleanup_strbuf_ struct strbuf empty = STRBUF_MAX(NET_SCRIPT_MAX);
    _cleanup_strbuf_ struct strbuf again = STRBUF_MAX(NET_SCRIPT_MAX);
    net_script_make(&whole, &host);
    net_script_make(&empty, &none);
    net_script_replace(&again, &host);
    assert_int_equal(count_messages(&whole), count_messages(&empty) + 2);
    assert_int_equal(count_messages(&again), 5); /* begin, delete, two rules, end */
    assert_true(host_addresses_equal(&host, &host));
    assert_false(host_addresses_equal(&host, &none));
    struct host_addresses real;
    assert_int_equal(host_addresses_read(&real, NULL), 0);
    for (size_t i = 0; i < real.count; i++)
        assert_false(real.items[i].family == AF_INET && real.items[i].bytes[0] == 127);
    host_addresses_finish(&real);
}

static void most_addresses_fit(void **state) {
    struct host_addresses host = {.items = mem_zalloc(HOST_ADDRESSES_MAX * sizeof *host.items),
                                  .count = HOST_ADDRESSES_MAX};
    for (size_t i = 0; i < host.count; i++)
        host.items[i] = (struct host_address){AF_INET6, {0xfd, (unsigned char)(i >> 8), (unsigned char)i}};
    _cleanup_strbuf_ struct strbuf script = STRBUF_MAX(NET_SCRIPT_MAX);
    net_script_make(&script, &host);
    assert_false(script.overflow);
    host_addresses_finish(&host);
}

static void filters_of_system_calls(void **state) {
    size_t lengths[4];
    for (unsigned i = 0; i < 4; i++) {
        struct syscall_grants grants = {.namespaces = i & 1, .debugging = i & 2};
        struct syscall_filter filter;
        assert_int_equal(syscall_filter_make(&filter, &grants, NULL), 0);
        assert_int_equal(filter.length % 8, 0); /* struct sock_filter */
        lengths[i] = filter.length;
        syscall_filter_finish(&filter);
    }
    assert_true(lengths[0] > lengths[1] && lengths[0] > lengths[2] && lengths[1] > lengths[3]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_lines),
        cmocka_unit_test(long_texts_are_cut_at_characters),
        cmocka_unit_test(status_connections),
        cmocka_unit_test(start_times),
        cmocka_unit_test(resolvers),
        cmocka_unit_test(arguments),
        cmocka_unit_test(sizes),
        cmocka_unit_test(configuration),
        cmocka_unit_test(filter_messages),
        cmocka_unit_test(most_addresses_fit),
        cmocka_unit_test(filters_of_system_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
