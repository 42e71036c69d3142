#include "display/child.h"

#include "../test.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int ends[2];

static int set_up(void **state) {
    return pipe2(ends, O_CLOEXEC);
}

static int tear_down(void **state) {
    close(ends[0]);
    close_fd(ends[1]);
    return 0;
}

/* Runs a shell script to its end; what it printed is in `output`. */
static int run(struct child_spec spec, const char *script, char *output, size_t size) {
    _cleanup_free_ char *text = str_dup(script);
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, text, NULL};
    char *env[] = {(char[]){"PATH=/usr/bin:/bin"}, (char[]){"WHO=00000000000"}, NULL};
    spec.path = "/bin/sh";
    spec.argv = argv;
    if (!spec.env)
        spec.env = env;
    spec.output = ends[1];
    pid_t pid;
    int status;
    assert_int_equal(child_spawn(&pid, &spec, NULL), 0);
    close_fd(steal_fd(&ends[1]));
    size_t length = 0;
    ssize_t count;
    while ((count = read(ends[0], output + length, size - 1 - length)) > 0)
        length += (size_t)count;
    output[length] = '\0';
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_output_and_place(void **state) {
    char output[256];
    struct child_spec spec = {.workdir = "/usr"};
    int status =
        run(spec, "pwd; echo wrong >&2; test \"$(ps -o sid= -p $$ | tr -d ' ')\" = $$ && echo leader; exit 3",
            output, sizeof output);
    assert_string_equal(output, "/usr\nwrong\nleader\n");
    char text[CHILD_END_MAX];
    assert_string_equal(child_end_text(status, text), "exited with code 3");
    assert_false(child_end_is_clean(status));
}

static void test_missing_workdir(void **state) {
    char output[256];
    struct child_spec spec = {.workdir = "/nowhere/at/all"};
    assert_true(child_end_is_clean(run(spec, "pwd", output, sizeof output)));
    assert_string_equal(output, "/\n");
}

/* Nothing leaks into the child but what is given to it. */
static void test_descriptors(void **state) {
    char output[1024];
    int careless = open("/etc/hosts", O_RDONLY); /* not close-on-exec */
    int extra = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int given = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    struct child_spec spec = {.fds = {{given, 3}, {extra, 4}}, .fd_count = 2};
    run(spec, "readlink /proc/$$/fd/0 /proc/$$/fd/3 /proc/$$/fd/4; ls -m /proc/$$/fd", output, sizeof output);
    assert_string_equal(output, "/dev/null\n/etc/passwd\n/dev/null\n0, 1, 2, 3, 4\n");
    close(careless);
    close(extra);
    close(given);
}

/* Targets may be the sources of others. */
static void test_descriptors_crossed(void **state) {
    char output[256];
    int first = open("/etc/passwd", O_RDONLY | O_CLOEXEC), second = open("/etc/group", O_RDONLY | O_CLOEXEC);
    struct child_spec spec = {.fds = {{first, second}, {second, first}}, .fd_count = 2};
    _cleanup_free_ char *script = str_format("readlink /proc/$$/fd/%d /proc/$$/fd/%d", first, second);
    run(spec, script, output, sizeof output);
    assert_string_equal(output, "/etc/group\n/etc/passwd\n");
    close(first);
    close(second);
}

static void test_signals_are_fresh(void **state) {
    char output[256];
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &old);
    signal(SIGPIPE, SIG_IGN);
    int status =
        run((struct child_spec){0}, "grep -E 'Sig(Blk|Ign)' /proc/self/status; kill -TERM $$; echo alive",
            output, sizeof output);
    sigprocmask(SIG_SETMASK, &old, NULL);
    assert_string_equal(output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    char text[CHILD_END_MAX];
    assert_string_equal(child_end_text(status, text), "killed by signal SIGTERM");
}

static void test_pid_text(void **state) {
    char output[64];
    char variable[] = "WHO=00000000000";
    char *env[] = {(char[]){"PATH=/usr/bin:/bin"}, variable, NULL};
    struct child_spec spec = {.env = env, .pid_text = variable + 4};
    run(spec, "test $WHO = $$ && echo mine", output, sizeof output);
    assert_string_equal(output, "mine\n");
    assert_string_equal(variable, "WHO=00000000000");
}

static void test_exec_failures(void **state) {
    static const struct {
        const char *path;
        int error;
    } cases[] = {{"/nowhere", ENOENT}, {"/etc/passwd", EACCES}, {"/usr", EACCES}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *argv[] = {(char[]){"x"}, NULL};
        char *env[] = {NULL};
        struct child_spec spec = {.path = cases[i].path, .argv = argv, .env = env, .output = ends[1]};
        struct err err = {0};
        pid_t pid = 77;
        assert_int_equal(child_spawn(&pid, &spec, &err), -1);
        assert_true(err_is(&err, "exec_failed"));
        assert_int_equal(err.sys, cases[i].error);
        assert_int_equal(pid, 77);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left to be reaped */
    }
}

static void test_find(void **state) {
    char *path = NULL;
    assert_true(child_find("sh", "/nowhere:/usr/bin:/bin", &path));
    assert_string_equal(path, "/usr/bin/sh");
    free(path);
    assert_true(child_find("/bin/sh", "", &path));
    assert_string_equal(path, "/bin/sh");
    free(path);
    path = NULL;
    assert_false(child_find("sh", "", &path));
    assert_false(child_find("sh", "/nowhere", &path));
    assert_false(child_find("/etc/passwd", "/bin", &path)); /* not executable */
    assert_false(child_find("bin", "/usr", &path));         /* a directory */
    assert_false(child_find("/usr/bin", "/bin", &path));
    assert_null(path);
}

static void test_end_texts(void **state) {
    char text[CHILD_END_MAX];
    assert_string_equal(child_end_text(W_EXITCODE(0, 0), text), "exited with code 0");
    assert_string_equal(child_end_text(W_EXITCODE(255, 0), text), "exited with code 255");
    assert_string_equal(child_end_text(SIGSEGV, text), "killed by signal SIGSEGV");
    assert_string_equal(child_end_text(SIGKILL, text), "killed by signal SIGKILL");
    assert_string_equal(child_end_text(SIGRTMIN + 3, text), "killed by signal 37");
    assert_true(child_end_is_clean(W_EXITCODE(0, 0)));
    assert_false(child_end_is_clean(SIGKILL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_output_and_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_workdir, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_descriptors_crossed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_signals_are_fresh, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pid_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_exec_failures, set_up, tear_down),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_end_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
