#include "display/session_log.h"

#include "../test.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char *dir, *path, *old_path;
    struct session_log *log;
};

static int set_up(void **state) {
    struct place *place = mem_zalloc(sizeof *place);
    place->dir = str_dup("/tmp/streamspace-log-test-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    place->path = str_format("%s/session.log", place->dir);
    place->old_path = str_format("%s/session.log.1", place->dir);
    assert_int_equal(session_log_open(&place->log, place->path, NULL), 0);
    *state = place;
    return 0;
}

static int tear_down(void **state) {
    struct place *place = *state;
    session_log_close(place->log);
    dir_remove(place->dir, NULL);
    free(place->dir);
    free(place->path);
    free(place->old_path);
    free(place);
    return 0;
}

static char *content(const char *path) {
    char *text = NULL;
    assert_int_equal(file_read(path, 16 * 1024 * 1024, &text, NULL, NULL), 0);
    return text;
}

static off_t size_of(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : -1;
}

/* The lines without their times, which are checked to be some. */
static char *without_times(const char *text) {
    struct strbuf out = STRBUF_MAX(1024 * 1024);
    while (*text) {
        size_t length = strcspn(text, "\n");
        char time[TIME_TEXT_SIZE] = "";
        int64_t ignored;
        memcpy(time, text, strcspn(text, " ") < sizeof time ? strcspn(text, " ") : 0);
        assert_true(time_parse(time, &ignored));
        const char *rest = text + strlen(time) + 1;
        strbuf_append(&out, rest, (size_t)(text + length - rest));
        strbuf_putc(&out, '|');
        text += length + 1;
    }
    return strbuf_steal(&out);
}

static void expect(struct place *place, const char *lines) {
    _cleanup_free_ char *text = content(place->path);
    _cleanup_free_ char *rest = without_times(text);
    assert_string_equal(rest, lines);
}

static void put(struct session_log_source *source, const char *text) {
    session_log_write(source, text, strlen(text));
}

static void test_lines_are_put_together(void **state) {
    struct place *place = *state;
    struct session_log_source *app = session_log_source(place->log, "app"),
                              *x = session_log_source(place->log, "x");
    put(app, "he");
    put(x, "one\ntwo\n");
    put(app, "llo\nwor");
    put(app, "");
    put(app, "ld\r\n\n");
    session_log_line(x, "%s %d", "number", 7);
    expect(place, "x: one|x: two|app: hello|app: world|app: |x: number 7|");
    struct stat status;
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_last_line_without_end(void **state) {
    struct place *place = *state;
    put(session_log_source(place->log, "app"), "unfinished");
    session_log_close(place->log);
    place->log = NULL;
    expect(place, "app: unfinished|");
}

static void test_control_characters(void **state) {
    struct place *place = *state;
    struct session_log_source *app = session_log_source(place->log, "app");
    session_log_write(app, "\033[31mred\a\0\177\tä\n", 15);
    expect(place, "app: ?[31mred???\tä|");
}

static void test_long_lines_are_broken(void **state) {
    struct place *place = *state;
    struct session_log_source *app = session_log_source(place->log, "app");
    char line[SESSION_LOG_LINE_MAX * 2 + 10];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    session_log_write(app, line, sizeof line);
    _cleanup_free_ char *text = content(place->path);
    size_t lines = 0, letters = 0;
    for (char *c = text; *c; c++) {
        lines += *c == '\n';
        letters += *c == 'x';
    }
    assert_int_equal(lines, 3);
    assert_int_equal(letters, sizeof line - 1);
    /* Exactly full is one line, not two. */
    char full[SESSION_LOG_LINE_MAX + 1];
    memset(full, 'y', sizeof full);
    full[sizeof full - 1] = '\n';
    session_log_write(app, full, sizeof full);
    _cleanup_free_ char *again = content(place->path);
    assert_int_equal(again[strlen(again) - 2], 'y');
    lines = 0;
    for (char *c = again; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 4);
}

/* 64 MB at once: two files within their limits, and a word about what is missing. */
static void test_flood_is_bounded(void **state) {
    struct place *place = *state;
    struct session_log_source *app = session_log_source(place->log, "app");
    static char chunk[64 * 1024];
    for (size_t i = 0; i < sizeof chunk; i++)
        chunk[i] = i % 64 == 63 ? '\n' : 'f';
    for (int i = 0; i < 1024; i++)
        session_log_write(app, chunk, sizeof chunk);
    assert_true(size_of(place->path) > 100 * 1024);
    assert_true(size_of(place->path) <= SESSION_LOG_MAX);
    assert_true(size_of(place->old_path) <= SESSION_LOG_MAX);
    /* It was cut off near its share, and says so when it is calm again. */
    off_t before = size_of(place->path);
    assert_true(before < 2 * SESSION_LOG_BURST);
    clock_test_shift(60 * 1000, 0);
    put(app, "calm\n");
    _cleanup_free_ char *text = content(place->path);
    assert_non_null(strstr(text, "bytes left out"));
    assert_non_null(strstr(text, "app: calm\n"));
}

static void test_rotation(void **state) {
    struct place *place = *state;
    struct session_log_source *display = session_log_source(place->log, "display");
    char words[1000];
    memset(words, 'w', sizeof words);
    words[sizeof words - 1] = '\0';
    for (int i = 0; i < 3500; i++) {
        session_log_line(display, "%d %s", i, words);
        assert_true(size_of(place->path) <= SESSION_LOG_MAX);
    }
    assert_true(size_of(place->old_path) > SESSION_LOG_MAX / 2);
    assert_true(size_of(place->old_path) <= SESSION_LOG_MAX);
    _cleanup_free_ char *text = content(place->path);
    assert_non_null(strstr(text, "display: 3499 w"));
    /* The two follow each other without a gap. */
    _cleanup_free_ char *old = content(place->old_path);
    char first[16];
    int number = 0;
    assert_int_equal(sscanf(text, "%*s display: %d", &number), 1);
    snprintf(first, sizeof first, ": %d w", number - 1);
    assert_non_null(strstr(old, first));
    assert_null(strstr(text, first));
}

static void test_goes_on_with_an_old_file(void **state) {
    struct place *place = *state;
    session_log_line(session_log_source(place->log, "x"), "before");
    session_log_close(place->log);
    assert_int_equal(session_log_open(&place->log, place->path, NULL), 0);
    session_log_line(session_log_source(place->log, "x"), "after");
    expect(place, "x: before|x: after|");
}

static void test_refuses_links_and_others(void **state) {
    struct place *place = *state;
    struct session_log *log;
    _cleanup_free_ char *link = str_format("%s/link", place->dir), *fifo = str_format("%s/fifo", place->dir);
    assert_int_equal(symlink(place->path, link), 0);
    assert_int_equal(session_log_open(&log, link, NULL), -1);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(session_log_open(&log, fifo, NULL), -1);
    assert_int_equal(session_log_open(&log, "/dev/null", NULL), -1);
    assert_int_equal(session_log_open(&log, "/nowhere/session.log", NULL), -1);
}

/* The file is taken away: a session goes on, and so does its log. */
static void test_removed_under_us(void **state) {
    struct place *place = *state;
    struct session_log_source *app = session_log_source(place->log, "app");
    assert_int_equal(dir_remove(place->dir, NULL), 0);
    char words[1500];
    memset(words, 'w', sizeof words);
    words[sizeof words - 1] = '\0';
    for (int i = 0; i < 1000; i++)
        session_log_line(app, "%s", words);
    assert_int_equal(dir_make(place->dir, 0700, NULL), 0);
    session_log_line(app, "here again");
    expect(place, "app: here again|");
}

static void test_pipe(void **state) {
    struct place *place = *state;
    struct loop *loop;
    assert_int_equal(loop_create(&loop, NULL), 0);
    struct session_log_source *app = session_log_source(place->log, "app");
    int output = session_log_pipe(app, loop, NULL);
    assert_true(output >= 0);
    assert_int_equal(fcntl(output, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(write(output, "first\nsec", 9), 9);
    loop_step(loop, 1000);
    assert_int_equal(write(output, "ond\n", 4), 4);
    session_log_drain(place->log);
    expect(place, "app: first|app: second|");
    session_log_close(place->log);
    place->log = NULL;
    loop_destroy(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_are_put_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_last_line_without_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_control_characters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_lines_are_broken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flood_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rotation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goes_on_with_an_old_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_links_and_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removed_under_us, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pipe, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
