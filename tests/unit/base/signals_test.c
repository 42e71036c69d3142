#include "../test.h"

#include "base/signals.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HIDDEN_SIGNAL 32 /* the C library's own: sigaction(3) refuses it */

/* How many signals a "Sig…:" line of /proc/self/status holds. */
static int count_of(const char *name) {
    char line[256];
    int found = -1;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, name, strlen(name))) {
            unsigned long long bits = 0;
            sscanf(line + strlen(name), " %llx", &bits);
            found = __builtin_popcountll(bits);
        }
    if (status)
        fclose(status);
    return found;
}

static void ignore_hidden(void) {
    unsigned long action[8] = {(unsigned long)(uintptr_t)SIG_IGN};
    assert_int_equal(syscall(SYS_rt_sigaction, HIDDEN_SIGNAL, action, NULL, 8), 0);
}

static void test_everything_at_its_default(void **state) {
    pid_t child = fork();
    if (!child) {
        sigset_t set;
        sigfillset(&set);
        sigprocmask(SIG_SETMASK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        ignore_hidden();
        if (count_of("SigIgn:") < 2 || count_of("SigBlk:") < 50)
            _exit(1);
        signals_reset();
        _exit(count_of("SigIgn:") || count_of("SigBlk:") || count_of("SigCgt:") ? 2 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_everything_at_its_default)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
