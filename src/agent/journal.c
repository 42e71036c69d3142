#include "agent/journal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUCKETS 1024

struct waiter {
    struct journal_entry *entry; /* NULL: forgotten meanwhile */
    unsigned version;
    journal_fn fn;
    void *arg;
    struct waiter *next;
};

struct waiters {
    struct waiter *first, **last;
};

struct journal {
    struct loop *loop;
    char *path;
    char boot[JOURNAL_BOOT_SIZE];
    struct journal_entry *buckets[BUCKETS];
    struct journal_entry *first, *last;
    size_t count, finished;
    /* Collected for the next batch (loop's thread). */
    struct strbuf pending;
    struct waiters pending_waiters;
    /* The batch in the writer's hands. */
    bool busy;
    struct waiters batch_waiters;
    struct waiter *calling;
    size_t file_bytes, compact_at;
    bool rewrite_next; /* the file's tail is not to be trusted, or it has grown */
    struct loop_timer *retry;
    struct journal_stats stats;
    /* Shared with the writer. */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct {
        bool ready, done, closing;
        bool rewrite;
        struct strbuf data;
        bool ok;
        struct err err;
    } job;
    int fd; /* the writer's, while it is busy */
};

static void waiters_init(struct waiters *list) {
    list->first = NULL;
    list->last = &list->first;
}

static void waiters_move(struct waiters *to, struct waiters *from) {
    *to->last = from->first;
    if (from->first)
        to->last = from->last;
    waiters_init(from);
}

static void waiters_add(struct waiters *list, struct waiter *waiter) {
    waiter->next = NULL;
    *list->last = waiter;
    list->last = &waiter->next;
}

static void waiters_free(struct waiters *list) {
    while (list->first) {
        struct waiter *next = list->first->next;
        free(list->first);
        list->first = next;
    }
    waiters_init(list);
}

/* --- the index --- */

static size_t bucket_of(const char *id, int64_t attempt) {
    uint64_t hash = 14695981039346656037ULL ^ (uint64_t)attempt; /* FNV-1a */
    for (const char *p = id; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211ULL;
    return (size_t)((hash ^ (hash >> 32)) % BUCKETS);
}

struct journal_entry *journal_find(const struct journal *journal, const char *id, int64_t attempt) {
    for (struct journal_entry *e = journal->buckets[bucket_of(id, attempt)]; e; e = e->chained)
        if (e->attempt == attempt && str_eq(e->id, id))
            return e;
    return NULL;
}

struct journal_entry *journal_first(const struct journal *journal) {
    return journal->first;
}

struct journal_entry *journal_next(const struct journal_entry *entry) {
    return entry->next;
}

static void index_add(struct journal *journal, struct journal_entry *entry) {
    struct journal_entry **bucket = &journal->buckets[bucket_of(entry->id, entry->attempt)];
    entry->chained = *bucket;
    *bucket = entry;
    entry->previous = journal->last;
    entry->next = NULL;
    if (journal->last)
        journal->last->next = entry;
    else
        journal->first = entry;
    journal->last = entry;
    journal->count++;
    if (entry->state != JOURNAL_ACCEPTED)
        journal->finished++;
}

static void index_remove(struct journal *journal, struct journal_entry *entry) {
    struct journal_entry **link = &journal->buckets[bucket_of(entry->id, entry->attempt)];
    while (*link != entry)
        link = &(*link)->chained;
    *link = entry->chained;
    if (entry->previous)
        entry->previous->next = entry->next;
    else
        journal->first = entry->next;
    if (entry->next)
        entry->next->previous = entry->previous;
    else
        journal->last = entry->previous;
    journal->count--;
    if (entry->state != JOURNAL_ACCEPTED)
        journal->finished--;
    journal_entry_free(entry);
}

/* Drops outcomes that are too old or too many; open commands stay whatever their age. */
static void expire(struct journal *journal) {
    int64_t oldest = clock_wall_ms() - JOURNAL_OUTCOME_AGE_MS;
    struct journal_entry *next;
    for (struct journal_entry *e = journal->first; e; e = next) {
        next = e->next;
        if (e->state == JOURNAL_ACCEPTED || !e->durable)
            continue;
        if (e->at_ms < oldest || journal->finished > JOURNAL_OUTCOMES_MAX)
            index_remove(journal, e);
    }
}

/* --- reading --- */

static void replay(struct journal *journal, struct journal_entry *entry) {
    struct journal_entry *known = journal_find(journal, entry->id, entry->attempt);
    entry->replayed = entry->state != JOURNAL_ACCEPTED;
    if (!known && entry->state != JOURNAL_FORGOTTEN) {
        index_add(journal, entry);
        return;
    }
    if (known && entry->state == JOURNAL_FORGOTTEN) {
        index_remove(journal, known);
    } else if (known && known->state == JOURNAL_ACCEPTED) { /* keeps its place in the order */
        known->state = entry->state;
        known->at_ms = entry->at_ms;
        known->retryable = entry->retryable;
        known->replayed = entry->replayed;
        if (entry->state != JOURNAL_ACCEPTED) {
            journal->finished++;
            free(known->payload);
            known->payload = NULL;
            known->result = steal_pointer(&entry->result);
            known->error = steal_pointer(&entry->error);
        }
    }
    journal_entry_free(entry);
}

static int read_file(struct journal *journal, struct err *err) {
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    struct err why = {0};
    if (file_read(journal->path, JOURNAL_FILE_MAX, &text, &length, &why) < 0) {
        if (why.kind == ERR_NOT_FOUND)
            return 0;
        err_copy(err, &why);
        return err_wrap(err, "the journal");
    }
    const char *end = text + length;
    for (const char *line = text; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        if (!newline) { /* torn by a crash: it was never acknowledged */
            log_info("the journal's last record is torn and is ignored", "file", journal->path);
            break;
        }
        struct journal_entry *entry = journal_record_read(line, (size_t)(newline - line), journal->boot);
        if (entry)
            replay(journal, entry);
        else
            journal->stats.damaged++;
        line = newline + 1;
    }
    if (journal->stats.damaged) {
        char count[24];
        snprintf(count, sizeof count, "%llu", (unsigned long long)journal->stats.damaged);
        log_warn("damaged records in the journal were skipped", "file", journal->path, "records", count);
    }
    return 0;
}

/* --- the writer --- */

static int open_for_append(struct journal *journal, struct err *err) {
    close_fd(journal->fd);
    journal->fd = open(journal->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    return journal->fd < 0 ? err_errno(err, "cannot open %s", journal->path) : 0;
}

static int write_batch(struct journal *journal, bool rewrite, const struct strbuf *data, struct err *err) {
    if (rewrite) {
        if (file_write_atomic(journal->path, strbuf_str(data), data->length, 0600, err) < 0)
            return -1;
        return open_for_append(journal, err);
    }
    if (fd_write_all(journal->fd, data->data, data->length, err) < 0)
        return err_wrap(err, "%s", journal->path);
    return fdatasync(journal->fd) < 0 ? err_errno(err, "cannot sync %s", journal->path) : 0;
}

static void batch_done(void *arg);

static void *writer(void *arg) {
    struct journal *journal = arg;
    pthread_mutex_lock(&journal->lock);
    for (;;) {
        while (!journal->job.ready && !journal->job.closing)
            pthread_cond_wait(&journal->changed, &journal->lock);
        if (!journal->job.ready)
            break;
        pthread_mutex_unlock(&journal->lock);
        struct err err = {0};
        bool ok = write_batch(journal, journal->job.rewrite, &journal->job.data, &err) == 0;
        pthread_mutex_lock(&journal->lock);
        journal->job.ok = ok;
        journal->job.err = err;
        journal->job.ready = false;
        journal->job.done = true;
        pthread_cond_broadcast(&journal->changed);
        loop_post(journal->loop, batch_done, journal);
    }
    pthread_mutex_unlock(&journal->lock);
    return NULL;
}

static void snapshot(struct journal *journal, struct strbuf *out) {
    for (struct journal_entry *e = journal->first; e; e = e->next)
        journal_record_write(out, e, journal->boot);
}

/* Fills the next batch: what was collected, or the whole state when the file is to be rewritten. */
static void make_batch(struct journal *journal, struct strbuf *data, bool *ret_rewrite) {
    strbuf_finish(data);
    *ret_rewrite = journal->rewrite_next;
    if (journal->rewrite_next) {
        expire(journal);
        *data = (struct strbuf)STRBUF_MAX(JOURNAL_FILE_MAX);
        snapshot(journal, data);
        strbuf_clear(&journal->pending);
    } else {
        *data = journal->pending;
        journal->pending = (struct strbuf)STRBUF_MAX(JOURNAL_FILE_MAX);
    }
    journal->rewrite_next = false;
    waiters_move(&journal->batch_waiters, &journal->pending_waiters);
}

static void hand_over(struct journal *journal) {
    if (journal->busy || journal->retry || (!journal->pending.length && !journal->rewrite_next))
        return;
    journal->busy = true;
    pthread_mutex_lock(&journal->lock);
    make_batch(journal, &journal->job.data, &journal->job.rewrite);
    journal->job.ready = true;
    pthread_cond_broadcast(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
}

static void on_retry(void *arg) {
    struct journal *journal = arg;
    journal->retry = NULL;
    hand_over(journal);
}

static void note_written(struct journal *journal) {
    journal->stats.syncs++;
    if (journal->job.rewrite) {
        journal->stats.rewrites++;
        journal->file_bytes = journal->job.data.length;
        /* A file full of outcomes that must be kept is not rewritten for every record. */
        journal->compact_at = journal->file_bytes * 2;
        if (journal->compact_at < JOURNAL_COMPACT_BYTES)
            journal->compact_at = JOURNAL_COMPACT_BYTES;
    } else {
        journal->file_bytes += journal->job.data.length;
    }
    if (journal->file_bytes > journal->compact_at)
        journal->rewrite_next = true;
}

/* Callbacks may forget entries, their own too: detach_waiters() reaches `calling` and what follows. */
static void call_waiters(struct journal *journal, bool ok) {
    struct waiter *waiter;
    while ((waiter = journal->batch_waiters.first)) {
        journal->batch_waiters.first = waiter->next;
        journal->calling = waiter;
        if (waiter->entry && ok && waiter->entry->version == waiter->version)
            waiter->entry->durable = true;
        if (waiter->entry && waiter->fn)
            waiter->fn(waiter->arg, waiter->entry, ok);
        journal->calling = NULL;
        if (waiter->entry && !ok) { /* still wants to be durable: part of the rewrite that follows */
            waiter->fn = NULL;
            waiters_add(&journal->pending_waiters, waiter);
        } else {
            free(waiter);
        }
    }
    waiters_init(&journal->batch_waiters);
}

static void batch_done(void *arg) {
    struct journal *journal = arg;
    pthread_mutex_lock(&journal->lock);
    bool done = journal->job.done, ok = journal->job.ok;
    struct err err = journal->job.err;
    journal->job.done = false;
    pthread_mutex_unlock(&journal->lock);
    if (!done)
        return;
    if (ok) {
        note_written(journal);
    } else {
        /* After a failed write or fsync nothing is known of the file's tail: all is written anew. */
        log_error("cannot write the journal", "error", err.message);
        journal->rewrite_next = true;
        if (!journal->retry)
            journal->retry = loop_timer_add(journal->loop, JOURNAL_RETRY_MS, on_retry, journal);
    }
    call_waiters(journal, ok); /* still busy: nothing is handed over in between */
    journal->busy = false;
    hand_over(journal);
}

/* --- life cycle --- */

static void read_boot_id(char *boot) {
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    struct err err = {0};
    str_copy(boot, JOURNAL_BOOT_SIZE, "unknown");
    if (file_read("/proc/sys/kernel/random/boot_id", 256, &text, &length, &err) == 0) {
        text[strcspn(text, "\n")] = '\0';
        str_copy(boot, JOURNAL_BOOT_SIZE, text);
    }
}

/* Files that a crash left behind in the middle of a rewrite. */
static void remove_leftovers(const char *path) {
    _cleanup_free_ char *pattern = str_format("%s.*.new", path);
    glob_t found = {0};
    if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            unlink(found.gl_pathv[i]);
    globfree(&found);
}

int journal_open(struct journal **ret, struct loop *loop, const char *path, struct err *err) {
    struct journal *journal = mem_zalloc(sizeof *journal);
    journal->loop = loop;
    journal->path = str_dup(path);
    journal->fd = -1;
    journal->pending = (struct strbuf)STRBUF_MAX(JOURNAL_FILE_MAX);
    waiters_init(&journal->pending_waiters);
    waiters_init(&journal->batch_waiters);
    pthread_mutex_init(&journal->lock, NULL);
    pthread_cond_init(&journal->changed, NULL);
    read_boot_id(journal->boot);
    remove_leftovers(path);
    _cleanup_strbuf_ struct strbuf data = STRBUF_MAX(0);
    bool rewrite;
    journal->rewrite_next = true;
    bool ok = read_file(journal, err) == 0;
    if (ok) {
        make_batch(journal, &data, &rewrite);
        ok = write_batch(journal, true, &data, err) == 0;
    }
    if (ok) {
        journal->job.rewrite = true;
        journal->job.data = data;
        data = (struct strbuf)STRBUF_MAX(0);
        note_written(journal);
        int failed = pthread_create(&journal->thread, NULL, writer, journal);
        ok = failed ? err_set(err, ERR_INTERNAL, NULL, "cannot start the journal's thread") == 0 : true;
    }
    if (!ok) {
        journal->thread = 0;
        journal_close(journal);
        return -1;
    }
    *ret = journal;
    return 0;
}

void journal_close(struct journal *journal) {
    if (!journal)
        return;
    if (journal->thread) {
        pthread_mutex_lock(&journal->lock);
        journal->job.closing = true;
        pthread_cond_broadcast(&journal->changed);
        pthread_mutex_unlock(&journal->lock);
        pthread_join(journal->thread, NULL);
        if (journal->job.done && !journal->job.ok)
            journal->rewrite_next = true;
        if (journal->pending.length || journal->rewrite_next) {
            bool rewrite;
            struct err err = {0};
            make_batch(journal, &journal->job.data, &rewrite);
            if (write_batch(journal, rewrite, &journal->job.data, &err) < 0)
                log_error("cannot write the journal", "error", err.message);
        }
    }
    loop_timer_cancel(journal->retry);
    waiters_free(&journal->pending_waiters);
    waiters_free(&journal->batch_waiters);
    while (journal->first)
        index_remove(journal, journal->first);
    strbuf_finish(&journal->pending);
    strbuf_finish(&journal->job.data);
    close_fd(journal->fd);
    pthread_cond_destroy(&journal->changed);
    pthread_mutex_destroy(&journal->lock);
    free(journal->path);
    free(journal);
}

/* --- records --- */

/* Puts the entry's state into the next batch. */
static void queue_record(struct journal *journal, struct journal_entry *entry, journal_fn fn, void *arg) {
    entry->version++;
    entry->durable = false;
    journal_record_write(&journal->pending, entry, journal->boot);
    struct waiter *waiter = mem_zalloc(sizeof *waiter);
    *waiter = (struct waiter){.entry = entry, .version = entry->version, .fn = fn, .arg = arg};
    waiters_add(&journal->pending_waiters, waiter);
    hand_over(journal);
}

struct journal_entry *journal_accept(struct journal *journal, const struct journal_command *command,
                                     journal_fn fn, void *arg) {
    struct journal_entry *entry = mem_zalloc(sizeof *entry);
    str_copy(entry->id, sizeof entry->id, command->id);
    entry->attempt = command->attempt;
    str_copy(entry->action, sizeof entry->action, command->action);
    str_copy(entry->session_id, sizeof entry->session_id, command->session_id);
    entry->state = JOURNAL_ACCEPTED;
    entry->at_ms = clock_wall_ms();
    entry->deadline_ms = command->deadline_ms;
    entry->payload = str_dup(command->payload);
    index_add(journal, entry);
    queue_record(journal, entry, fn, arg);
    return entry;
}

void journal_finish(struct journal *journal, struct journal_entry *entry,
                    const struct journal_outcome *outcome, journal_fn fn, void *arg) {
    if (entry->state == JOURNAL_ACCEPTED)
        journal->finished++;
    entry->state = outcome->state;
    entry->at_ms = clock_wall_ms();
    entry->retryable = outcome->retryable;
    free(entry->payload);
    entry->payload = NULL;
    free(entry->result);
    entry->result = str_dup(outcome->result);
    free(entry->error);
    entry->error = str_dup(outcome->error);
    queue_record(journal, entry, fn, arg);
}

static void detach_waiters(struct waiter *waiter, const struct journal_entry *entry) {
    for (; waiter; waiter = waiter->next)
        if (waiter->entry == entry)
            waiter->entry = NULL;
}

void journal_forget(struct journal *journal, struct journal_entry *entry) {
    struct journal_entry gone = {.attempt = entry->attempt, .state = JOURNAL_FORGOTTEN};
    str_copy(gone.id, sizeof gone.id, entry->id);
    detach_waiters(journal->pending_waiters.first, entry);
    detach_waiters(journal->batch_waiters.first, entry);
    if (journal->calling && journal->calling->entry == entry)
        journal->calling->entry = NULL;
    index_remove(journal, entry);
    journal_record_write(&journal->pending, &gone, journal->boot);
    hand_over(journal);
}

struct journal_stats journal_stats(const struct journal *journal) {
    struct journal_stats stats = journal->stats;
    stats.entries = journal->count;
    stats.file_bytes = journal->file_bytes;
    return stats;
}
