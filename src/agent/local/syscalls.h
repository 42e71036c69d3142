/* The system calls that sessions may not make: a seccomp filter, made once, given to every sandbox.
 *
 * Calls that applications probe for fail with an error; nothing is killed. What is refused and why stands in
 * one table in syscalls.c, in the spirit of the usual defaults of container engines. 32-bit programs are
 * refused.
 */
#ifndef SS_AGENT_LOCAL_SYSCALLS_H
#define SS_AGENT_LOCAL_SYSCALLS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct syscall_filter {
    void *program; /* owned: BPF instructions as bwrap's --seccomp takes them */
    size_t length; /* bytes */
};

/* What a template may have beyond the default. */
struct syscall_grants {
    bool namespaces; /* user namespaces of its own (the sandbox of Chromium) */
    bool debugging;  /* ptrace and reading the memory of its own processes (IDEs) */
};

int syscall_filter_make(struct syscall_filter *ret, const struct syscall_grants *grants, struct err *err);
void syscall_filter_finish(struct syscall_filter *filter);

#endif
