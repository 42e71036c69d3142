/* The agent's journal: which commands it accepted and how they ended, on disk.
 *
 * An append-only file, one record a line: CRC-32 (IEEE 802.3) in hex, a blank, a JSON object. The key is
 * (command id, attempt). A command is "accepted" before it is acknowledged and run, and finished with its
 * outcome before that is reported, so a crash at any point loses nothing and runs nothing twice. A torn last
 * line is ignored; a damaged line in the middle is skipped, with a warning.
 *
 * Group commit: records made while an fsync is under way go to disk together with the next one, on a thread
 * of the journal's own. Callbacks come on the loop's thread, in order. The file is rewritten in one step at
 * start and when it has grown; outcomes are kept for 24 hours, the last 10 000 of them.
 *
 * All calls on the loop's thread.
 */
#ifndef SS_AGENT_JOURNAL_H
#define SS_AGENT_JOURNAL_H

#include "agent/journal_record.h"
#include "base/err.h"
#include "base/loop.h"

#define JOURNAL_OUTCOMES_MAX 10000
#define JOURNAL_OUTCOME_AGE_MS (24 * 3600 * (int64_t)1000)
#define JOURNAL_COMPACT_BYTES (1024 * 1024)  /* smaller files are only rewritten at start */
#define JOURNAL_FILE_MAX (256 * 1024 * 1024) /* a larger one is refused */
#define JOURNAL_RETRY_MS 1000                /* after a failed write */

struct journal;

/* What was queued for `entry` is on disk now, or (durable false) could not be written: the journal goes on
 * trying by itself, and the owner decides what that means. */
typedef void (*journal_fn)(void *arg, struct journal_entry *entry, bool durable);

/* Reads the file at `path` (made, 0600, when missing), and rewrites it. */
int journal_open(struct journal **ret, struct loop *loop, const char *path, struct err *err);
/* Writes what is queued and frees; callbacks not made yet are dropped. The loop does not run any more.
 * Accepts NULL. */
void journal_close(struct journal *journal);

/* NULL when unknown. Entries live until they are forgotten or expire (finished ones only). */
struct journal_entry *journal_find(const struct journal *journal, const char *id, int64_t attempt);
/* In order of acceptance. */
struct journal_entry *journal_first(const struct journal *journal);
struct journal_entry *journal_next(const struct journal_entry *entry);

/* What to accept; texts are copied. */
struct journal_command {
    const char *id;
    int64_t attempt;
    const char *action;
    const char *session_id;
    const char *payload; /* JSON text */
    int64_t deadline_ms; /* clock_ms() value, 0: none */
};
/* The key must be unknown. `fn` may be NULL. */
struct journal_entry *journal_accept(struct journal *journal, const struct journal_command *command,
                                     journal_fn fn, void *arg);
/* Records the outcome: `result` (JSON text, or NULL) for JOURNAL_COMPLETED, `error` and `retryable` for
 * JOURNAL_FAILED. Texts are copied. */
struct journal_outcome {
    enum journal_state state;
    const char *result;
    const char *error;
    bool retryable;
};
void journal_finish(struct journal *journal, struct journal_entry *entry,
                    const struct journal_outcome *outcome, journal_fn fn, void *arg);
/* Drops an entry, on disk too. Callbacks queued for it are not made. */
void journal_forget(struct journal *journal, struct journal_entry *entry);

/* For tests and metrics. */
struct journal_stats {
    uint64_t syncs;    /* fsyncs done */
    uint64_t rewrites; /* compactions */
    uint64_t damaged;  /* lines skipped when it was read */
    size_t entries;
    size_t file_bytes;
};
struct journal_stats journal_stats(const struct journal *journal);

#endif
