/* Sending scripts to the kernel: after a fork, so with system calls only. */
#include "agent/local/net_rules.h"

#include "agent/local/forked.h"
#include "agent/local/process.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#define ANSWERS_MAX 16384 /* bytes read at once */
#define ANSWER_SECONDS 5  /* the kernel answers at once, or something is very wrong */
#define CHILD_MS 8000     /* … with a little more for the child that asks */
#define BUFFER_SIZE (4 * 1024 * 1024)

static int turn_loopback_on(void) {
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result = fd < 0 || ioctl(fd, SIOCSIFFLAGS, &loopback) < 0 ? errno : 0;
    close_fd(fd);
    return result;
}

/* How many of a script's messages want an answer. */
static size_t count_answers(const char *script, size_t length) {
    size_t count = 0;
    while (length >= sizeof(struct nlmsghdr)) {
        const struct nlmsghdr *message = (const void *)script;
        count += (message->nlmsg_flags & NLM_F_ACK) != 0;
        script += message->nlmsg_len;
        length -= message->nlmsg_len;
    }
    return count;
}

/* Reads answers until all are there, or the first refusal. 0 or an errno value. */
static int read_answers(int fd, size_t count) {
    _Alignas(struct nlmsghdr) char answers[ANSWERS_MAX];
    while (count > 0) {
        ssize_t got = recv(fd, answers, sizeof answers, 0);
        if (got < 0)
            return errno;
        size_t left = (size_t)got;
        for (struct nlmsghdr *answer = (void *)answers; NLMSG_OK(answer, left);
             answer = NLMSG_NEXT(answer, left)) {
            if (answer->nlmsg_type != NLMSG_ERROR)
                return EPROTO;
            int error = -((const struct nlmsgerr *)NLMSG_DATA(answer))->error;
            if (error != 0)
                return error;
            if (count > 0)
                count--;
        }
    }
    return 0;
}

int net_apply(const void *script, size_t length) {
    int result = turn_loopback_on();
    if (result != 0 || length == 0)
        return result;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (fd < 0)
        return errno;
    struct timeval limit = {.tv_sec = ANSWER_SECONDS};
    int size = BUFFER_SIZE;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    /* A long list of addresses is one message and many answers. Without the right to force it, the usual size
     * does for some hundred addresses. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent = sendto(fd, script, length, 0, (struct sockaddr *)&kernel, sizeof kernel);
    result = sent == (ssize_t)length ? read_answers(fd, count_answers(script, length))
             : sent < 0              ? errno
                                     : EPROTO;
    close_fd(fd);
    return result;
}

int net_apply_in(int user_namespace, int net_namespace, const struct strbuf *script, struct err *err) {
    pid_t child = fork_quietly();
    if (child == 0) {
        /* For root the first is a loss of rights, which is as well; for others it is what gives them. */
        if (setns(user_namespace, CLONE_NEWUSER) < 0 || setns(net_namespace, CLONE_NEWNET) < 0)
            _exit(errno & 0x7f);
        _exit(net_apply(script->data, script->length) & 0x7f);
    }
    if (child < 0)
        return err_errno(err, "cannot fork");
    int status = -1;
    _cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    if (!process_wait(pidfd, clock_ms() + CHILD_MS, &status)) {
        kill(child, SIGKILL);
        process_wait(pidfd, clock_ms() + CHILD_MS, &status);
    }
    if (status == 0)
        return 0;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
    return err_errno(err, "cannot set the network rules of a session");
}
