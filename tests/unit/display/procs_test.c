#include "display/procs.h"

#include "../test.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "display/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define REST " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 12345 18 19\n"

static void test_stat_lines(void **state) {
    struct proc process;
    assert_true(proc_parse_stat("42 (xterm) S 7" REST, &process));
    assert_int_equal(process.pid, 42);
    assert_int_equal(process.parent, 7);
    assert_int_equal(process.state, 'S');
    assert_string_equal(process.name, "xterm");
    assert_int_equal(process.started, 12345);
    /* A program may call itself anything. */
    assert_true(proc_parse_stat("42 (a) R 1 (b) Z 9" REST, &process));
    assert_int_equal(process.parent, 9);
    assert_int_equal(process.state, 'Z');
    assert_string_equal(process.name, "a) R 1 (b");
    assert_true(proc_parse_stat("42 () S 7" REST, &process));
    assert_string_equal(process.name, "");
    assert_true(proc_parse_stat("42 (0123456789012345678901234567890) S 7" REST, &process));
    assert_string_equal(process.name, "012345678901234");
}

static void test_hostile_stat_lines(void **state) {
    static const char *const texts[] = {"",
                                        "42",
                                        "42 (",
                                        "42 )x(",
                                        ("x (a) S 7" REST),
                                        "42 (a) S",
                                        "42 (a) S x",
                                        "42 (a) S 7 1 2",
                                        "42 (a) S 7 1 2 3 4 5"};
    struct proc process;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_false(proc_parse_stat(texts[i], &process));
}

/* Starts a shell script and waits for the line with a pid that it prints. */
static pid_t spawn(const char *script, pid_t *ret_printed) {
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, str_dup(script), NULL};
    char *env[] = {(char[]){"PATH=/usr/bin:/bin"}, NULL};
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct child_spec spec = {.path = "/bin/sh", .argv = argv, .env = env, .output = ends[1]};
    pid_t pid;
    assert_int_equal(child_spawn(&pid, &spec, NULL), 0);
    close(ends[1]);
    char line[16] = "";
    assert_true(read(ends[0], line, sizeof line - 1) > 0);
    *ret_printed = (pid_t)strtol(line, NULL, 10);
    assert_true(*ret_printed > 0);
    close(ends[0]);
    free(argv[2]);
    return pid;
}

static bool lists(const struct proc_list *list, pid_t pid) {
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].pid == pid)
            return true;
    return false;
}

static void end_group(pid_t group) {
    kill(-group, SIGKILL);
    assert_int_equal(waitpid(group, NULL, 0), group);
}

static void test_descendants(void **state) {
    pid_t kept_child, other_child;
    pid_t kept = spawn("sleep 100 & echo $!; wait", &kept_child);
    pid_t other = spawn("sleep 100 & echo $!; wait", &other_child);
    struct proc_list list = {0};
    assert_int_equal(proc_descendants(&list, getpid(), NULL, 0, NULL), 0);
    assert_int_equal(list.count, 4);
    assert_false(lists(&list, getpid()));
    proc_list_finish(&list);

    /* Left out with all that descends from it; 0 stands for nobody. */
    const pid_t without[] = {0, other};
    assert_int_equal(proc_descendants(&list, getpid(), without, 2, NULL), 0);
    assert_int_equal(list.count, 2);
    assert_true(lists(&list, kept));
    assert_true(lists(&list, kept_child));
    proc_list_finish(&list);

    assert_int_equal(proc_descendants(&list, other, NULL, 0, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_true(lists(&list, other_child));
    proc_list_finish(&list);
    end_group(kept);
    end_group(other);
}

static void test_signals_only_the_one_that_was_listed(void **state) {
    pid_t child;
    pid_t pid = spawn("sleep 100 & echo $!; wait", &child);
    struct proc_list list = {0};
    assert_int_equal(proc_descendants(&list, getpid(), NULL, 0, NULL), 0);
    for (size_t i = 0; i < list.count; i++) {
        struct proc earlier = list.items[i];
        earlier.started--; /* a process of the same number that ended before */
        proc_signal(&earlier, SIGKILL);
    }
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].pid == pid)
            proc_signal(&list.items[i], SIGKILL);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    proc_list_finish(&list);
    kill(child, SIGKILL);
}

static void test_helpers(void **state) {
    static const char *const helpers[] = {"dbus-daemon", "dbus-launch", "at-spi-bus-laun", "gvfsd",
                                          "gpg-agent"};
    static const char *const others[] = {"bash", "firefox-esr", "soffice.bin", "", "dbu", "sleep"};
    for (size_t i = 0; i < ARRAY_SIZE(helpers); i++) {
        struct proc process = {0};
        str_copy(process.name, sizeof process.name, helpers[i]);
        assert_true(proc_is_helper(&process));
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        struct proc process = {0};
        str_copy(process.name, sizeof process.name, others[i]);
        assert_false(proc_is_helper(&process));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stat_lines),  cmocka_unit_test(test_hostile_stat_lines),
        cmocka_unit_test(test_descendants), cmocka_unit_test(test_signals_only_the_one_that_was_listed),
        cmocka_unit_test(test_helpers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
