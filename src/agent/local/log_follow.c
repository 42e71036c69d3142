#include "agent/local/log_follow.h"

#include "agent/local/sandbox.h"
#include "base/cleanup.h"
#include "base/id.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define OLD_LOG SESSION_LOG ".1"
#define EVENT_READS_MAX 16 /* of the kernel's queue in one round */

static const char left_out[] = "[lines were left out here: they came faster than they were read]\n";

struct follower {
    struct log_followers *owner;
    struct follower *next;
    char session[SESSION_NAME_MAX + 1];
    int run;  /* the session's directory */
    int file; /* what is being read, -1 before there is any */
    off_t offset;
    int out;
    struct loop_fd *source; /* of out */
    int watch;              /* inotify's number of `run`, -1 without */
    size_t tail;
    bool due;     /* there may be something new */
    bool blocked; /* the reader has to read first */
    size_t length, sent;
    char chunk[LOG_FOLLOW_CHUNK];
};

struct log_followers {
    struct loop *loop;
    int events; /* inotify, -1 when there is none */
    struct loop_fd *source;
    struct loop_timer *timer; /* of the pause, or of the next look */
    bool pausing;
    struct follower *first;
    size_t count;
};

/* --- reading --- */

static int open_log(const struct follower *follower, const char *name, struct stat *ret) {
    _cleanup_close_ int fd =
        openat(follower->run, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, ret) < 0 || !S_ISREG(ret->st_mode))
        return -1;
    return steal_fd(&fd);
}

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void put(struct follower *follower, const char *text) {
    follower->length = strlen(text);
    follower->sent = 0;
    memcpy(follower->chunk, text, follower->length);
}

/* The beginning: the last `tail` bytes, which may reach back into the log before this one. */
static void begin_at_tail(struct follower *follower) {
    struct stat now, old;
    off_t tail = (off_t)follower->tail;
    follower->file = open_log(follower, SESSION_LOG, &now);
    if (follower->file >= 0 && now.st_size >= tail) {
        follower->offset = now.st_size - tail;
        return;
    }
    off_t missing = tail - (follower->file >= 0 ? now.st_size : 0);
    int before = open_log(follower, OLD_LOG, &old);
    if (before < 0)
        return;
    close_fd(follower->file); /* it follows when the old one is read */
    follower->file = before;
    follower->offset = old.st_size > missing ? old.st_size - missing : 0;
}

/* More of the file that is open. False when there is none. */
static bool read_more(struct follower *follower) {
    struct stat status;
    if (follower->file < 0 || fstat(follower->file, &status) < 0)
        return false;
    if (status.st_size < follower->offset) /* it was emptied */
        follower->offset = 0;
    if (status.st_size - follower->offset > LOG_FOLLOW_BEHIND) {
        follower->offset = status.st_size - (off_t)follower->tail;
        put(follower, left_out);
        return true;
    }
    ssize_t got = pread(follower->file, follower->chunk, sizeof follower->chunk, follower->offset);
    if (got <= 0)
        return false;
    follower->offset += got;
    follower->length = (size_t)got;
    follower->sent = 0;
    return true;
}

/* Fills the chunk. The display turns its log over by renaming it: the next one is begun when the old one has
 * been read to its end, and lines are missing when it was turned over twice meanwhile. */
static bool refill(struct follower *follower) {
    if (read_more(follower))
        return true;
    struct stat mine = {0}, now, old;
    _cleanup_close_ int next = open_log(follower, SESSION_LOG, &now);
    if (next < 0)
        return false;
    bool first = follower->file < 0;
    if (!first && (fstat(follower->file, &mine) < 0 || same_file(&mine, &now)))
        return false;
    if (read_more(follower)) /* what came between the look and the turn */
        return true;
    _cleanup_close_ int before = first ? -1 : open_log(follower, OLD_LOG, &old);
    bool gap = before >= 0 && !same_file(&mine, &old);
    close_fd(follower->file);
    follower->file = steal_fd(&next);
    follower->offset = 0;
    if (!gap)
        return read_more(follower);
    put(follower, left_out);
    return true;
}

/* --- one follower --- */

static void follower_end(struct follower *follower) {
    struct log_followers *owner = follower->owner;
    struct follower **link = &owner->first;
    bool shared = false; /* does another one watch the same directory? */
    for (struct follower *other = owner->first; other; other = other->next)
        shared = shared || (other != follower && other->watch == follower->watch);
    while (*link != follower)
        link = &(*link)->next;
    *link = follower->next;
    owner->count--;
    if (follower->watch >= 0 && !shared)
        inotify_rm_watch(owner->events, follower->watch);
    loop_fd_remove(follower->source);
    close_fd(follower->out);
    close_fd(follower->run);
    close_fd(follower->file);
    free(follower);
}

/* Passes on what there is, for a round. False when the reader has gone. */
static bool pump(struct follower *follower) {
    follower->due = false;
    for (int chunks = 0; !follower->blocked;) {
        if (follower->sent == follower->length) {
            if (chunks++ == LOG_FOLLOW_ROUND) {
                follower->due = true;
                return true;
            }
            if (!refill(follower))
                return true;
        }
        ssize_t done = send(follower->out, follower->chunk + follower->sent,
                            follower->length - follower->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done >= 0)
            follower->sent += (size_t)done;
        else if (errno == EAGAIN)
            follower->blocked = true;
        else if (errno != EINTR)
            return false;
    }
    loop_fd_set(follower->source, EPOLLIN | EPOLLRDHUP | EPOLLOUT);
    return true;
}

static void start_pause(struct log_followers *followers);

static void on_out(void *arg, uint32_t events) {
    struct follower *follower = arg;
    char drop[256];
    ssize_t got = recv(follower->out, drop, sizeof drop, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        follower_end(follower);
        return;
    }
    if (!(events & EPOLLOUT))
        return;
    follower->blocked = false;
    follower->due = true;
    loop_fd_set(follower->source, EPOLLIN | EPOLLRDHUP);
    start_pause(follower->owner);
}

/* --- all of them --- */

static void pump_due(struct log_followers *followers) {
    bool again = false;
    for (struct follower *follower = followers->first, *next; follower; follower = next) {
        next = follower->next;
        if (!follower->due || follower->blocked)
            continue;
        if (!pump(follower))
            follower_end(follower);
        else
            again = again || follower->due;
    }
    if (again)
        start_pause(followers);
}

static void on_pause(void *arg) {
    struct log_followers *followers = arg;
    followers->timer = NULL;
    followers->pausing = false;
    if (followers->source)
        loop_fd_set(followers->source, EPOLLIN);
    bool looking = false;
    for (struct follower *follower = followers->first; follower; follower = follower->next)
        if (follower->watch < 0)
            looking = follower->due = true;
    pump_due(followers);
    if (looking && !followers->timer)
        followers->timer = loop_timer_add(followers->loop, LOG_FOLLOW_LOOK_MS, on_pause, followers);
}

/* What a session writes in a hurry is looked at once in a while, not once per line. */
static void start_pause(struct log_followers *followers) {
    if (followers->pausing)
        return;
    followers->pausing = true;
    loop_timer_cancel(followers->timer);
    followers->timer = loop_timer_add(followers->loop, LOG_FOLLOW_PAUSE_MS, on_pause, followers);
    if (followers->source)
        loop_fd_set(followers->source, 0);
}

static void mark_due(struct log_followers *followers, const struct inotify_event *event) {
    for (struct follower *follower = followers->first; follower; follower = follower->next)
        if (follower->watch == event->wd || (event->mask & IN_Q_OVERFLOW))
            follower->due = true;
}

static void on_events(void *arg, uint32_t events) {
    struct log_followers *followers = arg;
    _Alignas(struct inotify_event) char buffer[4096];
    for (int reads = 0; reads < EVENT_READS_MAX; reads++) {
        ssize_t got = read(followers->events, buffer, sizeof buffer);
        if (got <= 0)
            break;
        for (char *at = buffer; at < buffer + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            mark_due(followers, event);
            at += sizeof *event + event->len;
        }
    }
    start_pause(followers);
    pump_due(followers);
}

static int watch_directory(const struct log_followers *followers, int run) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", run);
    return followers->events < 0
               ? -1
               : inotify_add_watch(followers->events, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

static void begin(void *arg) {
    struct follower *follower = arg;
    struct log_followers *followers = follower->owner;
    bool room = followers->count < LOG_FOLLOWERS_MAX;
    follower->next = followers->first;
    followers->first = follower;
    followers->count++;
    /* Watched before it is read, so that nothing falls between. */
    follower->watch = room ? watch_directory(followers, follower->run) : -1;
    if (!room || loop_fd_add(followers->loop, follower->out, EPOLLIN | EPOLLRDHUP, on_out, follower,
                             &follower->source, NULL) < 0) {
        follower_end(follower);
        return;
    }
    begin_at_tail(follower);
    follower->due = true;
    if (follower->watch < 0 && !followers->timer)
        followers->timer = loop_timer_add(followers->loop, LOG_FOLLOW_LOOK_MS, on_pause, followers);
    pump_due(followers);
}

int log_follow(struct log_followers *followers, const char *session_id, int run_fd, size_t tail, int *ret_fd,
               struct err *err) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return err_errno(err, "cannot make a pair of sockets");
    _cleanup_close_ int out = pair[0];
    _cleanup_close_ int reader = pair[1];
    _cleanup_close_ int run = run_fd < 0 ? -1 : fcntl(run_fd, F_DUPFD_CLOEXEC, 3);
    if (run_fd >= 0 && run < 0)
        return err_errno(err, "cannot copy a descriptor");
    *ret_fd = steal_fd(&reader);
    if (run < 0)
        return 0;
    struct follower *follower = mem_zalloc(sizeof *follower);
    follower->owner = followers;
    follower->run = steal_fd(&run);
    follower->out = steal_fd(&out);
    follower->file = follower->watch = -1;
    follower->tail = tail;
    str_copy(follower->session, sizeof follower->session, session_id);
    loop_post(followers->loop, begin, follower);
    return 0;
}

struct ending {
    struct log_followers *followers;
    char session[SESSION_NAME_MAX + 1];
};

static void end(void *arg) {
    _cleanup_free_ struct ending *ending = arg;
    for (struct follower *follower = ending->followers->first, *next; follower; follower = next) {
        next = follower->next;
        if (!str_eq(follower->session, ending->session))
            continue;
        pump(follower);
        follower_end(follower);
    }
}

void log_follow_end(struct log_followers *followers, const char *session_id) {
    struct ending *ending = mem_zalloc(sizeof *ending);
    ending->followers = followers;
    str_copy(ending->session, sizeof ending->session, session_id);
    loop_post(followers->loop, end, ending);
}

struct log_followers *log_followers_create(struct loop *loop) {
    struct log_followers *followers = mem_zalloc(sizeof *followers);
    followers->loop = loop;
    followers->events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (followers->events >= 0 &&
        loop_fd_add(loop, followers->events, EPOLLIN, on_events, followers, &followers->source, NULL) < 0) {
        close_fd(followers->events);
        followers->events = -1;
    }
    return followers;
}

void log_followers_destroy(struct log_followers *followers) {
    if (!followers)
        return;
    while (followers->first)
        follower_end(followers->first);
    loop_timer_cancel(followers->timer);
    loop_fd_remove(followers->source);
    close_fd(followers->events);
    free(followers);
}
