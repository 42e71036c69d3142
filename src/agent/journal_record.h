/* A journal's entry and its lines on disk. No I/O. */
#ifndef SS_AGENT_JOURNAL_RECORD_H
#define SS_AGENT_JOURNAL_RECORD_H

#include "base/id.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_ID_MAX 80 /* command ids, and "ended:<session>" */
#define JOURNAL_ACTION_MAX 64
#define JOURNAL_LINE_MAX (2 * 1024 * 1024) /* a command's frame has 512 KB at most; JSON in JSON grows */
#define JOURNAL_BOOT_SIZE 40

enum journal_state { JOURNAL_ACCEPTED = 1, JOURNAL_COMPLETED, JOURNAL_FAILED, JOURNAL_FORGOTTEN };

struct journal_entry {
    char id[JOURNAL_ID_MAX + 1];
    int64_t attempt;
    char action[JOURNAL_ACTION_MAX + 1];
    char session_id[SESSION_NAME_MAX + 1];
    enum journal_state state;
    bool durable;        /* the present state is on disk */
    int64_t deadline_ms; /* clock_ms() value, 0: none. From an earlier boot of the machine: 0 */
    int64_t at_ms;       /* wall time of the last change */
    char *payload;       /* JSON text; NULL once finished */
    char *result;        /* JSON text, or NULL */
    char *error;         /* or NULL */
    bool retryable;
    /* The supervisor's, in memory only. */
    int64_t sent_ms;  /* clock_ms() when its outcome was last sent; 0: not by this process */
    bool replayed;    /* finished by an earlier process: it is not known whether the outcome was sent */
    bool settled;     /* the control plane surely has the outcome */
    unsigned version; /* the journal's: which of its records is the last one */
    struct journal_entry *previous, *next, *chained; /* the journal's: order, hash chain */
};

void journal_entry_free(struct journal_entry *entry); /* accepts NULL */

/* Appends the line of the entry's present state. `boot` names this boot of the machine. False: too long. */
bool journal_record_write(struct strbuf *out, const struct journal_entry *entry, const char *boot);
/* Reads one line without its newline; NULL when damaged. The state may be JOURNAL_FORGOTTEN. */
struct journal_entry *journal_record_read(const char *line, size_t length, const char *boot);

/* CRC-32 of IEEE 802.3. */
uint32_t crc32_ieee(const void *data, size_t length);

#endif
