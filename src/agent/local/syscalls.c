#include "agent/local/syscalls.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <linux/sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

enum reason { ALWAYS, NAMESPACES, DEBUGGING };

/* Refused with EPERM, or by `error`. A name that the kernel or libseccomp does not know is passed over: then
 * it cannot be called either, or (a call newer than libseccomp) it needs rights that sessions do not have. */
static const struct {
    const char *name;
    enum reason unless;
    int error;
} refused[] = {
    /* Mounts: the sandbox's file system stays as it was made. */
    {"mount", ALWAYS, EPERM},
    {"umount", ALWAYS, EPERM},
    {"umount2", ALWAYS, EPERM},
    {"pivot_root", ALWAYS, EPERM},
    {"fsopen", ALWAYS, EPERM},
    {"fsconfig", ALWAYS, EPERM},
    {"fsmount", ALWAYS, EPERM},
    {"fspick", ALWAYS, EPERM},
    {"move_mount", ALWAYS, EPERM},
    {"open_tree", ALWAYS, EPERM},
    {"mount_setattr", ALWAYS, EPERM},
    {"quotactl", ALWAYS, EPERM},
    {"quotactl_fd", ALWAYS, EPERM},
    {"swapon", ALWAYS, EPERM},
    {"swapoff", ALWAYS, EPERM},
    {"name_to_handle_at", ALWAYS, EPERM},
    {"open_by_handle_at", ALWAYS, EPERM},
    {"fanotify_init", ALWAYS, EPERM},
    /* Namespaces. */
    {"unshare", NAMESPACES, EPERM},
    {"setns", NAMESPACES, EPERM},
    {"chroot", NAMESPACES, EPERM},
    {"clone3", NAMESPACES, ENOSYS}, /* its flags cannot be looked at: libraries fall back to clone */
    /* The kernel itself. */
    {"init_module", ALWAYS, EPERM},
    {"finit_module", ALWAYS, EPERM},
    {"delete_module", ALWAYS, EPERM},
    {"create_module", ALWAYS, EPERM},
    {"query_module", ALWAYS, EPERM},
    {"get_kernel_syms", ALWAYS, EPERM},
    {"kexec_load", ALWAYS, EPERM},
    {"kexec_file_load", ALWAYS, EPERM},
    {"reboot", ALWAYS, EPERM},
    {"acct", ALWAYS, EPERM},
    {"syslog", ALWAYS, EPERM},
    {"iopl", ALWAYS, EPERM},
    {"ioperm", ALWAYS, EPERM},
    {"vm86", ALWAYS, EPERM},
    {"vm86old", ALWAYS, EPERM},
    {"nfsservctl", ALWAYS, EPERM},
    {"_sysctl", ALWAYS, EPERM},
    {"sysfs", ALWAYS, EPERM},
    {"uselib", ALWAYS, EPERM},
    {"ustat", ALWAYS, EPERM},
    {"vhangup", ALWAYS, EPERM},
    {"sethostname", ALWAYS, EPERM},
    {"setdomainname", ALWAYS, EPERM},
    {"settimeofday", ALWAYS, EPERM},
    {"stime", ALWAYS, EPERM},
    {"clock_settime", ALWAYS, EPERM},
    {"clock_settime64", ALWAYS, EPERM},
    {"clock_adjtime", ALWAYS, EPERM},
    {"clock_adjtime64", ALWAYS, EPERM},
    {"adjtimex", ALWAYS, EPERM},
    /* Large surfaces that desktops do without. */
    {"bpf", ALWAYS, EPERM},
    {"perf_event_open", ALWAYS, EPERM},
    {"userfaultfd", ALWAYS, EPERM},
    {"io_uring_setup", ALWAYS, ENOSYS},
    {"io_uring_enter", ALWAYS, ENOSYS},
    {"io_uring_register", ALWAYS, ENOSYS},
    {"lookup_dcookie", ALWAYS, EPERM},
    {"kcmp", ALWAYS, EPERM},
    {"move_pages", ALWAYS, EPERM},
    {"migrate_pages", ALWAYS, EPERM},
    /* Keyrings are not per namespace. */
    {"keyctl", ALWAYS, EPERM},
    {"add_key", ALWAYS, EPERM},
    {"request_key", ALWAYS, EPERM},
    /* Other processes: the display among them has the session's token in memory. */
    {"ptrace", DEBUGGING, EPERM},
    {"process_vm_readv", DEBUGGING, EPERM},
    {"process_vm_writev", DEBUGGING, EPERM},
    {"process_madvise", DEBUGGING, EPERM},
    {"pidfd_getfd", DEBUGGING, EPERM},
};

/* The only socket families that a session gets: others are not kept apart by network namespaces (vsock
 * reaches the hypervisor) or are large surfaces. */
static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

static bool is_granted(enum reason reason, const struct syscall_grants *grants) {
    return (reason == NAMESPACES && grants->namespaces) || (reason == DEBUGGING && grants->debugging);
}

static int refuse_names(scmp_filter_ctx filter, const struct syscall_grants *grants) {
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        int number = seccomp_syscall_resolve_name(refused[i].name);
        if (number == __NR_SCMP_ERROR || is_granted(refused[i].unless, grants))
            continue;
        int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)refused[i].error), number, 0);
        if (result < 0 && result != -EDOM && result != -EINVAL) /* not a call of this architecture */
            return result;
    }
    return 0;
}

/* Everything between and above the families that are allowed. */
static int refuse_families(scmp_filter_ctx filter) {
    uint32_t action = SCMP_ACT_ERRNO(EAFNOSUPPORT);
    int highest = families[ARRAY_SIZE(families) - 1];
    for (int family = 0, known = 0; family <= highest; family++) {
        if (family == families[known]) {
            known++;
            continue;
        }
        int result = seccomp_rule_add(filter, action, SCMP_SYS(socket), 1,
                                      SCMP_A0_32(SCMP_CMP_EQ, (scmp_datum_t)family));
        if (result < 0)
            return result;
    }
    return seccomp_rule_add(filter, action, SCMP_SYS(socket), 1,
                            SCMP_A0_32(SCMP_CMP_GT, (scmp_datum_t)highest));
}

/* Calls of which only some uses are refused. */
static int refuse_uses(scmp_filter_ctx filter, const struct syscall_grants *grants) {
    static const unsigned spaces[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                      CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET, CLONE_NEWTIME};
    for (size_t i = 0; !grants->namespaces && i < ARRAY_SIZE(spaces); i++) {
        /* CLONE_NEWTIME lies in the bits of the exit signal: it cannot be given to clone at all. */
        if (spaces[i] == CLONE_NEWTIME)
            continue;
        int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                      SCMP_A0(SCMP_CMP_MASKED_EQ, spaces[i], spaces[i]));
        if (result < 0)
            return result;
    }
    /* Putting characters into a terminal's input: the old way out of a sandbox that shares one. */
    int result =
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1, SCMP_A1_32(SCMP_CMP_EQ, TIOCSTI));
    if (result == 0)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                                  SCMP_A1_32(SCMP_CMP_EQ, TIOCLINUX));
    /* Personalities that turn off protections of memory; "tell me" (all bits set) is let through. */
    static const unsigned unprotected[] = {ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, MMAP_PAGE_ZERO};
    for (size_t i = 0; result == 0 && !grants->debugging && i < ARRAY_SIZE(unprotected); i++)
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(personality), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, 0x80000000u | unprotected[i], unprotected[i]));
    return result == 0 ? refuse_families(filter) : result;
}

/* The finished program, through a file in memory. */
static int export_program(scmp_filter_ctx filter, struct syscall_filter *ret, struct err *err) {
    _cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC);
    struct stat status;
    if (fd < 0 || seccomp_export_bpf(filter, fd) < 0 || fstat(fd, &status) < 0)
        return err_errno(err, "cannot export the system call filter");
    size_t length = (size_t)status.st_size;
    _cleanup_free_ void *program = mem_alloc(length);
    if (pread(fd, program, length, 0) != (ssize_t)length)
        return err_errno(err, "cannot read the system call filter");
    *ret = (struct syscall_filter){.program = steal_pointer(&program), .length = length};
    return 0;
}

int syscall_filter_make(struct syscall_filter *ret, const struct syscall_grants *grants, struct err *err) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return err_set(err, ERR_INTERNAL, NULL, "cannot make a system call filter");
    int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    if (result == 0)
        result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree instead of a list */
    if (result == 0)
        result = refuse_names(filter, grants);
    if (result == 0)
        result = refuse_uses(filter, grants);
    if (result == 0)
        result = export_program(filter, ret, err);
    else
        err_set(err, ERR_INTERNAL, NULL, "cannot make a system call filter: error %d", -result);
    seccomp_release(filter);
    return result < 0 ? -1 : 0;
}

void syscall_filter_finish(struct syscall_filter *filter) {
    free(filter->program);
    *filter = (struct syscall_filter){0};
}
