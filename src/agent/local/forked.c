#include "agent/local/forked.h"

#include "base/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static void close_between(unsigned first, unsigned last) {
    if (first <= last)
        syscall(SYS_close_range, first, last, 0);
}

static void sort(int *list, size_t count) {
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && list[k - 1] > list[k]; k--) {
            int swap = list[k];
            list[k] = list[k - 1];
            list[k - 1] = swap;
        }
}

void forked_begin(int *keep, size_t count) {
    signals_reset();
    setsid(); /* a Ctrl-C at the agent's terminal is not for sessions */
    sort(keep, count);
    unsigned next = 3;
    for (size_t i = 0; i < count; i++) {
        if (keep[i] < (int)next)
            continue;
        close_between(next, (unsigned)keep[i] - 1);
        next = (unsigned)keep[i] + 1;
    }
    close_between(next, ~0u);
}

int forked_become(uid_t uid) {
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, uid, uid, uid) < 0 ||
        syscall(SYS_setresuid, uid, uid, uid) < 0)
        return -1;
    return 0;
}

pid_t fork_quietly(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = _Fork();
    if (pid != 0)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}
