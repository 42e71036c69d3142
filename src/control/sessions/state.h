/* The states of a session and the one table of legal steps between them.
 *
 *     pending → starting → running ⇄ hibernating → hibernated → waking → running
 *     any live state → terminating → terminated        any live state → failed (with a reason)
 */
#ifndef SS_CONTROL_STATE_H
#define SS_CONTROL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum session_state {
    SESSION_PENDING,
    SESSION_STARTING,
    SESSION_RUNNING,
    SESSION_HIBERNATING,
    SESSION_HIBERNATED,
    SESSION_WAKING,
    SESSION_TERMINATING,
    SESSION_TERMINATED,
    SESSION_FAILED,
    SESSION_STATES
};

/* Who may take a step. */
enum { BY_USER = 1, BY_AGENT = 2, BY_RECONCILER = 4 };

struct state_step {
    enum session_state from, to;
    unsigned by; /* bits of BY_… */
};
extern const struct state_step state_steps[];
extern const size_t state_step_count;

struct state_row {
    const char *name;
    bool live;               /* not terminated or failed */
    bool active;             /* takes room on its agent */
    bool transient;          /* somebody is working on it: has a deadline */
    int64_t deadline_ms;     /* 0: none. When it is over the reconciler acts */
    enum session_state then; /* what the reconciler makes of it: failed, or itself (ask again) */
    const char *reason;      /* the reason it gives */
};
extern const struct state_row state_table[SESSION_STATES];

bool state_legal(enum session_state from, enum session_state to, unsigned by);
/* Bits (1 << state) of the states from which `by` may go to `to`. */
unsigned state_froms(enum session_state to, unsigned by);
const char *state_name(enum session_state state); /* "pending" …; static */
bool state_parse(const char *text, enum session_state *ret);
/* "('pending','starting')" for a set of states, for the WHERE of a guarded update; `text` has STATE_SET_SIZE
 * bytes. */
#define STATE_SET_SIZE 160
const char *state_set_sql(unsigned states, char *text);

#endif
