#include "display/session_log.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES (16 * 1024)
#define READS_PER_ROUND 4 /* then the loop sees to the others */

struct session_log_source {
    struct session_log *log;
    const char *name;
    char line[SESSION_LOG_LINE_MAX];
    size_t line_length;
    int64_t tokens, refilled_ms; /* bytes it may still write, and when that was last reckoned */
    uint64_t left_out;           /* bytes */
    int pipe[2];
    struct loop_fd *watch;
    struct session_log_source *next;
};

struct session_log {
    char *path, *old_path;
    int fd;
    size_t size;
    struct strbuf batch; /* lines of one round, written together */
    struct session_log_source *sources;
};

static int open_file(struct session_log *log, struct err *err) {
    log->fd =
        open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    struct stat status;
    if (log->fd < 0 || fstat(log->fd, &status) < 0)
        return err_errno(err, "cannot open the session log %s", log->path);
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_INVALID, NULL, "session log %s is no file", log->path);
    log->size = (size_t)status.st_size;
    return 0;
}

int session_log_open(struct session_log **ret, const char *path, struct err *err) {
    struct session_log *log = mem_zalloc(sizeof *log);
    *log = (struct session_log){.path = str_dup(path),
                                .old_path = str_format("%s.1", path),
                                .fd = -1,
                                .batch = STRBUF_MAX(READ_BYTES * 8)};
    if (open_file(log, err) < 0) {
        session_log_close(log);
        return -1;
    }
    *ret = log;
    return 0;
}

static void rotate(struct session_log *log) {
    close_fd(log->fd);
    log->fd = -1;
    /* Renamed when that works; if it does not (the directory is not ours), the old lines must go all the
     * same. */
    if (rename(log->path, log->old_path) < 0)
        unlink(log->path);
    if (open_file(log, NULL) == 0 && log->size >= SESSION_LOG_MAX && ftruncate(log->fd, 0) == 0)
        log->size = 0;
}

static void flush_batch(struct session_log *log) {
    struct strbuf *batch = &log->batch;
    if (!batch->length)
        return;
    if (log->fd >= 0 && log->size + batch->length > SESSION_LOG_MAX)
        rotate(log);
    if (log->fd < 0)
        open_file(log, NULL);
    if (log->fd >= 0 && log->size + batch->length <= SESSION_LOG_MAX) {
        ssize_t written = write(log->fd, batch->data, batch->length);
        if (written > 0)
            log->size += (size_t)written;
    }
    strbuf_clear(batch);
}

/* Appends one line to the batch, the control characters in it replaced. */
static void put_line(struct session_log_source *source, const char *text, size_t length) {
    struct strbuf *batch = &source->log->batch;
    char now[TIME_TEXT_SIZE];
    size_t overhead = TIME_TEXT_SIZE + strlen(source->name) + 4;
    if (batch->length + length + overhead > batch->max)
        flush_batch(source->log);
    strbuf_printf(batch, "%s %s: ", time_now(now), source->name);
    size_t start = batch->length;
    strbuf_append(batch, text, length);
    for (size_t i = start; i < batch->length; i++) {
        unsigned char c = (unsigned char)batch->data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            batch->data[i] = '?';
    }
    strbuf_putc(batch, '\n');
}

static void refill(struct session_log_source *source) {
    int64_t now = clock_ms();
    int64_t gained = (now - source->refilled_ms) * SESSION_LOG_RATE / 1000;
    if (gained <= 0)
        return;
    source->refilled_ms = now;
    source->tokens =
        source->tokens + gained < SESSION_LOG_BURST ? source->tokens + gained : SESSION_LOG_BURST;
}

/* A line that a child printed: written if its source has not used up its share. */
static void offer_line(struct session_log_source *source, const char *text, size_t length) {
    if (source->tokens <= 0) {
        source->left_out += length + 1;
        return;
    }
    if (source->left_out) {
        char note[96];
        int count =
            snprintf(note, sizeof note, "… %" PRIu64 " bytes left out: too much at once", source->left_out);
        source->left_out = 0;
        put_line(source, note, (size_t)count);
    }
    source->tokens -= (int64_t)length + TIME_TEXT_SIZE;
    put_line(source, text, length);
}

static void end_line(struct session_log_source *source) {
    size_t length = source->line_length;
    source->line_length = 0;
    if (length && source->line[length - 1] == '\r')
        length--;
    offer_line(source, source->line, length);
}

static void take_bytes(struct session_log_source *source, const char *data, size_t length) {
    while (length) {
        const char *newline = memchr(data, '\n', length);
        size_t part = newline ? (size_t)(newline - data) : length;
        size_t room = SESSION_LOG_LINE_MAX - source->line_length;
        bool full = part > room;
        if (full)
            part = room;
        memcpy(source->line + source->line_length, data, part);
        source->line_length += part;
        data += part;
        length -= part;
        if (!full && newline) {
            data++;
            length--;
        }
        if (full || newline)
            end_line(source);
    }
}

void session_log_write(struct session_log_source *source, const char *data, size_t length) {
    refill(source);
    take_bytes(source, data, length);
    flush_batch(source->log);
}

void session_log_line(struct session_log_source *source, const char *format, ...) {
    char line[SESSION_LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (length < 0)
        return;
    put_line(source, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
    flush_batch(source->log);
}

struct session_log_source *session_log_source(struct session_log *log, const char *name) {
    struct session_log_source *source = mem_zalloc(sizeof *source);
    source->log = log;
    source->name = name;
    source->tokens = SESSION_LOG_BURST;
    source->refilled_ms = clock_ms();
    source->pipe[0] = source->pipe[1] = -1;
    source->next = log->sources;
    log->sources = source;
    return source;
}

/* Returns true while there may be more. */
static bool read_some(struct session_log_source *source) {
    char bytes[READ_BYTES];
    ssize_t count = read(source->pipe[0], bytes, sizeof bytes);
    if (count <= 0)
        return count < 0 && errno == EINTR;
    take_bytes(source, bytes, (size_t)count);
    return true;
}

static void on_readable(void *arg, uint32_t events) {
    struct session_log_source *source = arg;
    refill(source);
    for (int i = 0; i < READS_PER_ROUND && read_some(source); i++)
        ;
    flush_batch(source->log);
}

int session_log_pipe(struct session_log_source *source, struct loop *loop, struct err *err) {
    if (pipe2(source->pipe, O_CLOEXEC) < 0)
        return err_errno(err, "cannot make a pipe");
    /* Only our end: a child that finds its standard output non-blocking may lose lines. */
    if (fcntl(source->pipe[0], F_SETFL, O_NONBLOCK) < 0)
        return err_errno(err, "cannot set up a pipe");
    if (loop_fd_add(loop, source->pipe[0], EPOLLIN, on_readable, source, &source->watch, err) < 0)
        return -1;
    return source->pipe[1];
}

void session_log_drain(struct session_log *log) {
    for (struct session_log_source *source = log->sources; source; source = source->next) {
        if (source->pipe[0] < 0)
            continue;
        refill(source);
        /* As much as a pipe holds, no more: somebody may still be writing. */
        for (int i = 0; i < 64 && read_some(source); i++)
            ;
    }
    flush_batch(log);
}

void session_log_close(struct session_log *log) {
    if (!log)
        return;
    while (log->sources) {
        struct session_log_source *source = log->sources;
        log->sources = source->next;
        if (source->line_length)
            end_line(source);
        loop_fd_remove(source->watch);
        close_fd(source->pipe[0]);
        close_fd(source->pipe[1]);
        free(source);
    }
    flush_batch(log);
    close_fd(log->fd);
    strbuf_finish(&log->batch);
    free(log->path);
    free(log->old_path);
    free(log);
}
