/* The journal: durability, torn and damaged records, replay, compaction, group commit, death at any point. */
#include "agent/journal.h"

#include "../test.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct fixture {
    char *dir, *path;
    struct loop *loop;
    struct journal *journal;
};

static void fixture_open(struct fixture *f) {
    struct err err = {0};
    assert_int_equal(loop_create(&f->loop, &err), 0);
    if (journal_open(&f->journal, f->loop, f->path, &err) < 0)
        fail_msg("%s", err.message);
}

static void fixture_close(struct fixture *f) {
    journal_close(f->journal);
    loop_destroy(f->loop);
    f->journal = NULL;
    f->loop = NULL;
}

static int setup(void **state) {
    struct fixture *f = mem_zalloc(sizeof *f);
    char dir[] = "/tmp/streamspace-journal-XXXXXX";
    assert_non_null(mkdtemp(dir));
    f->dir = str_dup(dir);
    f->path = str_format("%s/journal", dir);
    fixture_open(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    fixture_close(f);
    dir_remove(f->dir, NULL);
    free(f->dir);
    free(f->path);
    free(f);
    return 0;
}

static void reopen(struct fixture *f) {
    fixture_close(f);
    fixture_open(f);
}

static void count_up(void *arg, struct journal_entry *entry, bool durable) {
    assert_true(durable);
    ++*(int *)arg;
}

static void wait_for(struct fixture *f, const int *counter, int wanted) {
    int64_t limit = clock_ms() + 20000;
    while (*counter < wanted && clock_ms() < limit)
        loop_step(f->loop, 100);
    assert_int_equal(*counter, wanted);
}

static struct journal_entry *accept_one(struct fixture *f, const char *id, const char *session,
                                        int *counter) {
    struct journal_command command = {.id = id,
                                      .attempt = 1,
                                      .action = "start_session",
                                      .session_id = session,
                                      .payload = "{\"sessionId\":\"s\"}",
                                      .deadline_ms = clock_ms() + 60000};
    return journal_accept(f->journal, &command, counter ? count_up : NULL, counter);
}

static void finish_one(struct fixture *f, struct journal_entry *entry, int *counter) {
    struct journal_outcome outcome = {.state = JOURNAL_COMPLETED, .result = "{\"state\":\"running\"}"};
    journal_finish(f->journal, entry, &outcome, counter ? count_up : NULL, counter);
}

static void append_raw(struct fixture *f, const char *text) {
    _cleanup_close_ int fd = open(f->path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void test_crc(void **state) {
    assert_int_equal(crc32_ieee("123456789", 9), 0xcbf43926); /* the check value of the CRC catalogues */
    assert_int_equal(crc32_ieee("", 0), 0);
}

static void test_replay(void **state) {
    struct fixture *f = *state;
    int done = 0;
    struct journal_entry *a = accept_one(f, "cmd-00000001", "one", &done);
    assert_false(a->durable);
    wait_for(f, &done, 1);
    assert_true(a->durable);
    struct journal_entry *b = accept_one(f, "cmd-00000002", "two", &done);
    finish_one(f, b, &done);
    wait_for(f, &done, 3);
    int64_t deadline = a->deadline_ms;
    reopen(f);
    a = journal_find(f->journal, "cmd-00000001", 1);
    b = journal_find(f->journal, "cmd-00000002", 1);
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->state, JOURNAL_ACCEPTED);
    assert_string_equal(a->payload, "{\"sessionId\":\"s\"}");
    assert_string_equal(a->session_id, "one");
    assert_string_equal(a->action, "start_session");
    assert_int_equal(a->deadline_ms, deadline);
    assert_int_equal(b->state, JOURNAL_COMPLETED);
    assert_string_equal(b->result, "{\"state\":\"running\"}");
    assert_null(b->payload);
    assert_true(b->durable);
    assert_null(journal_find(f->journal, "cmd-00000001", 2));
    assert_ptr_equal(journal_first(f->journal), a);
    assert_ptr_equal(journal_next(a), b);
}

static void test_private_file(void **state) {
    struct fixture *f = *state;
    struct stat info;
    assert_int_equal(stat(f->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void test_failed_outcome(void **state) {
    struct fixture *f = *state;
    int done = 0;
    struct journal_entry *entry = accept_one(f, "cmd-00000001", "one", NULL);
    struct journal_outcome outcome = {.state = JOURNAL_FAILED, .error = "no \"room\"\n", .retryable = true};
    journal_finish(f->journal, entry, &outcome, count_up, &done);
    wait_for(f, &done, 1);
    reopen(f);
    entry = journal_find(f->journal, "cmd-00000001", 1);
    assert_int_equal(entry->state, JOURNAL_FAILED);
    assert_string_equal(entry->error, "no \"room\"\n");
    assert_true(entry->retryable);
}

static void test_forget(void **state) {
    struct fixture *f = *state;
    int done = 0;
    struct journal_entry *a = accept_one(f, "cmd-00000001", "one", &done);
    accept_one(f, "cmd-00000002", "two", &done);
    journal_forget(f->journal, a); /* before it was written: its callback is not made */
    wait_for(f, &done, 1);
    struct journal_entry *b = journal_find(f->journal, "cmd-00000002", 1);
    assert_non_null(b);
    journal_forget(f->journal, b);
    reopen(f);
    assert_null(journal_first(f->journal));
}

static void test_torn_tail(void **state) {
    struct fixture *f = *state;
    for (size_t cut = 1; cut < 60; cut += 7) {
        int done = 0;
        char id[32];
        snprintf(id, sizeof id, "cmd-%08zx", cut);
        accept_one(f, id, "one", &done);
        wait_for(f, &done, 1);
        fixture_close(f);
        _cleanup_free_ char *text = NULL;
        size_t length;
        assert_int_equal(file_read(f->path, 1 << 20, &text, &length, NULL), 0);
        _cleanup_free_ char *torn = str_ndup(text, cut < length ? cut : length - 1);
        append_raw(f, torn);
        fixture_open(f);
        assert_non_null(journal_find(f->journal, id, 1));
        assert_int_equal(journal_stats(f->journal).damaged, 0);
    }
    assert_int_equal(journal_stats(f->journal).entries, 9);
}

static void test_damaged_middle(void **state) {
    struct fixture *f = *state;
    int done = 0;
    accept_one(f, "cmd-00000001", "one", &done);
    wait_for(f, &done, 1);
    fixture_close(f);
    append_raw(f, "deadbeef {\"id\":\"cmd-00000009\",\"attempt\":1,\"state\":\"accepted\"}\n\n\x01\xff\n");
    fixture_open(f);
    assert_int_equal(journal_stats(f->journal).damaged, 3);
    accept_one(f, "cmd-00000002", "two", &done);
    wait_for(f, &done, 2);
    reopen(f);
    assert_int_equal(journal_stats(f->journal).entries, 2);
    assert_int_equal(journal_stats(f->journal).damaged, 0); /* rewritten without them */
}

static void test_one_changed_bit(void **state) {
    struct fixture *f = *state;
    int done = 0;
    accept_one(f, "cmd-00000001", "one", &done);
    accept_one(f, "cmd-00000002", "two", &done);
    wait_for(f, &done, 2);
    fixture_close(f);
    _cleanup_free_ char *text = NULL;
    size_t length;
    assert_int_equal(file_read(f->path, 1 << 20, &text, &length, NULL), 0);
    text[30] ^= 1;
    assert_int_equal(file_write_atomic(f->path, text, length, 0600, NULL), 0);
    fixture_open(f);
    assert_null(journal_find(f->journal, "cmd-00000001", 1));
    assert_non_null(journal_find(f->journal, "cmd-00000002", 1));
}

static void test_group_commit(void **state) {
    struct fixture *f = *state;
    int done = 0;
    uint64_t before = journal_stats(f->journal).syncs;
    for (int i = 0; i < 500; i++) {
        char id[32];
        snprintf(id, sizeof id, "cmd-%08x", i);
        accept_one(f, id, "one", &done);
    }
    wait_for(f, &done, 500);
    assert_in_range(journal_stats(f->journal).syncs - before, 1, 10);
}

static void test_compaction(void **state) {
    struct fixture *f = *state;
    int done = 0;
    struct journal_entry *open_one = accept_one(f, "cmd-aaaaaaaa", "kept", &done);
    wait_for(f, &done, 1);
    assert_non_null(open_one);
    int total = JOURNAL_OUTCOMES_MAX + 3000;
    for (int i = 0; i < total; i++) {
        char id[32];
        snprintf(id, sizeof id, "cmd-%08x", i);
        finish_one(f, accept_one(f, id, "one", NULL), &done);
        if (i % 500 == 0)
            wait_for(f, &done, i + 2);
    }
    wait_for(f, &done, total + 1);
    struct journal_stats stats = journal_stats(f->journal);
    assert_in_range(stats.rewrites, 2, 12); /* neither never nor all the time */
    reopen(f);
    stats = journal_stats(f->journal);
    assert_int_equal(stats.entries, JOURNAL_OUTCOMES_MAX + 1);
    assert_non_null(journal_find(f->journal, "cmd-aaaaaaaa", 1)); /* open ones stay */
    assert_null(journal_find(f->journal, "cmd-00000000", 1));
    char last[32];
    snprintf(last, sizeof last, "cmd-%08x", total - 1);
    assert_non_null(journal_find(f->journal, last, 1));
}

static void test_outcomes_expire(void **state) {
    struct fixture *f = *state;
    int done = 0;
    finish_one(f, accept_one(f, "cmd-00000001", "one", NULL), &done);
    accept_one(f, "cmd-00000002", "two", &done);
    wait_for(f, &done, 2);
    clock_test_shift(0, 3600 * 1000); /* an hour's jump of the wall clock loses nothing */
    reopen(f);
    assert_int_equal(journal_stats(f->journal).entries, 2);
    clock_test_shift(0, JOURNAL_OUTCOME_AGE_MS + 1000);
    reopen(f);
    clock_test_shift(0, 0);
    assert_int_equal(journal_stats(f->journal).entries, 1);
    assert_non_null(journal_find(f->journal, "cmd-00000002", 1));
}

static void note_failure(void *arg, struct journal_entry *entry, bool durable) {
    *(int *)arg += durable ? 100 : 1;
}

static void test_write_failure(void **state) {
    struct fixture *f = *state;
    int done = 0;
    accept_one(f, "cmd-00000001", "one", &done);
    wait_for(f, &done, 1);
    /* The directory vanishes under the journal: a rewrite cannot be made until it is back. An append to the
     * unlinked file still works, so the journal is told to rewrite by growing over its limit. */
    char *big = mem_alloc(JOURNAL_COMPACT_BYTES + 1);
    memset(big, 'x', JOURNAL_COMPACT_BYTES);
    big[JOURNAL_COMPACT_BYTES] = '\0';
    struct journal_command command = {
        .id = "cmd-00000002", .attempt = 1, .action = "stop_session", .session_id = "two", .payload = big};
    char *away = str_format("%s.away", f->dir);
    assert_int_equal(rename(f->dir, away), 0);
    int seen = 0;
    journal_accept(f->journal, &command, note_failure, &seen); /* appended; the rewrite behind it fails */
    wait_for(f, &seen, 100);
    struct journal_entry *third = accept_one(f, "cmd-00000003", "three", NULL);
    int64_t limit = clock_ms() + 1500;
    while (clock_ms() < limit)
        loop_step(f->loop, 50);
    assert_false(third->durable);
    assert_int_equal(rename(away, f->dir), 0);
    limit = clock_ms() + 10000;
    while (!third->durable && clock_ms() < limit)
        loop_step(f->loop, 50);
    assert_true(third->durable); /* it went on trying by itself */
    reopen(f);
    assert_int_equal(journal_stats(f->journal).entries, 3);
    free(big);
    free(away);
}

/* A child that accepts and finishes commands as fast as it can and writes every id whose record was reported
 * durable to a pipe, until it is killed. */
struct scribe {
    struct fixture *f;
    int out;
    uint32_t next;
};

static void scribe_note(void *arg, struct journal_entry *entry, bool durable) {
    struct scribe *scribe = arg;
    char line[48];
    int length =
        snprintf(line, sizeof line, "%c%s\n", entry->state == JOURNAL_ACCEPTED ? 'a' : 'f', entry->id);
    if (!durable || write(scribe->out, line, (size_t)length) != length)
        _exit(1);
    if (entry->state == JOURNAL_ACCEPTED) {
        struct journal_outcome outcome = {.state = JOURNAL_COMPLETED, .result = "{}"};
        journal_finish(scribe->f->journal, entry, &outcome, scribe_note, scribe);
    }
}

static _Noreturn void scribe_run(struct fixture *f, int out, uint32_t first) {
    struct scribe scribe = {.f = f, .out = out, .next = first};
    fixture_open(f);
    for (;;) {
        for (int i = 0; i < 5; i++) {
            char id[32];
            snprintf(id, sizeof id, "cmd-%08x", scribe.next++);
            struct journal_command command = {
                .id = id, .attempt = 1, .action = "x", .session_id = "s", .payload = "{}"};
            journal_accept(f->journal, &command, scribe_note, &scribe);
        }
        loop_step(f->loop, 1);
    }
}

static void check_promises(struct fixture *f, const char *text) {
    char copy[32];
    for (const char *line = text; *line;) {
        const char *newline = strchr(line, '\n');
        if (!newline)
            break;
        assert_true((size_t)(newline - line) < sizeof copy);
        memcpy(copy, line + 1, (size_t)(newline - line) - 1);
        copy[newline - line - 1] = '\0';
        struct journal_entry *entry = journal_find(f->journal, copy, 1);
        assert_non_null(entry);
        if (*line == 'f')
            assert_int_equal(entry->state, JOURNAL_COMPLETED);
        line = newline + 1;
    }
}

static void test_killed_at_random(void **state) {
    struct fixture *f = *state;
    unsigned seed = 20261121;
    uint32_t first = 1;
    size_t promises = 0;
    fixture_close(f);
    for (int round = 0; round < 20; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            scribe_run(f, ends[1], first);
        }
        close(ends[1]);
        _cleanup_strbuf_ struct strbuf said = STRBUF_MAX(4 << 20);
        int64_t limit = clock_ms() + 10 + rand_r(&seed) % 60;
        char chunk[4096];
        assert_int_equal(fd_set_nonblocking(ends[0], true, NULL), 0);
        while (clock_ms() < limit) {
            ssize_t got = read(ends[0], chunk, sizeof chunk);
            if (got > 0)
                strbuf_append(&said, chunk, (size_t)got);
        }
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        ssize_t got;
        while ((got = read(ends[0], chunk, sizeof chunk)) > 0)
            strbuf_append(&said, chunk, (size_t)got);
        close(ends[0]);
        fixture_open(f);
        check_promises(f, strbuf_str(&said));
        assert_int_equal(journal_stats(f->journal).damaged, 0);
        fixture_close(f);
        promises += said.length;
        first += 100000;
    }
    assert_true(promises > 1000);
    fixture_open(f);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),  TEST(test_replay),          TEST(test_private_file),
        TEST(test_failed_outcome),   TEST(test_forget),          TEST(test_torn_tail),
        TEST(test_damaged_middle),   TEST(test_one_changed_bit), TEST(test_group_commit),
        TEST(test_compaction),       TEST(test_outcomes_expire), TEST(test_write_failure),
        TEST(test_killed_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
