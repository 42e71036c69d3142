#include "base/signals.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's struct sigaction differs from the library's and between architectures; all zero it means
 * SIG_DFL on each of them, and none is larger than this. */
#define KERNEL_SIGACTION_MAX 64
#define KERNEL_SIGSET_SIZE (_NSIG / 8)

void signals_reset(void) {
    const long plain[KERNEL_SIGACTION_MAX / sizeof(long)] = {0};
    for (int number = 1; number < NSIG; number++) /* fails for SIGKILL and SIGSTOP: fine */
        syscall(SYS_rt_sigaction, number, plain, NULL, KERNEL_SIGSET_SIZE);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}
