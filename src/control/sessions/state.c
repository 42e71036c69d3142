#include "control/sessions/state.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <stdio.h>

#define LIVE(to, by)                                                                                         \
    {SESSION_PENDING, to, by}, {SESSION_STARTING, to, by}, {SESSION_RUNNING, to, by},                        \
        {SESSION_HIBERNATING, to, by}, {SESSION_HIBERNATED, to, by}, {                                       \
        SESSION_WAKING, to, by                                                                               \
    }

const struct state_step state_steps[] = {
    {SESSION_PENDING, SESSION_STARTING, BY_AGENT},
    /* The acknowledgement was lost, the outcome was not; or the inventory shows that it runs. */
    {SESSION_PENDING, SESSION_RUNNING, BY_AGENT | BY_RECONCILER},
    {SESSION_STARTING, SESSION_RUNNING, BY_AGENT | BY_RECONCILER},
    {SESSION_RUNNING, SESSION_HIBERNATING, BY_USER | BY_RECONCILER},
    {SESSION_HIBERNATING, SESSION_HIBERNATED, BY_AGENT},
    /* Could not be put to sleep: it runs on. */
    {SESSION_HIBERNATING, SESSION_RUNNING, BY_AGENT},
    {SESSION_HIBERNATED, SESSION_WAKING, BY_USER},
    {SESSION_WAKING, SESSION_RUNNING, BY_AGENT | BY_RECONCILER},
    /* The application may end by itself: the agent says so, and a stop cleans up. */
    LIVE(SESSION_TERMINATING, BY_USER | BY_AGENT | BY_RECONCILER),
    /* Never to failed from here: whoever asked for the end gets it. The reconciler's when the agent was
       removed. */
    {SESSION_TERMINATING, SESSION_TERMINATED, BY_AGENT | BY_RECONCILER},
    LIVE(SESSION_FAILED, BY_AGENT | BY_RECONCILER),
};
const size_t state_step_count = ARRAY_SIZE(state_steps);

const struct state_row state_table[SESSION_STATES] = {
    /* The start's own time limits are shorter; this is what catches the rest. */
    [SESSION_PENDING] = {"pending", true, true, true, 420000, SESSION_FAILED,
                         "no agent took the start in time"},
    [SESSION_STARTING] = {"starting", true, true, true, 120000, SESSION_FAILED,
                          "the agent did not report the session as running in time"},
    [SESSION_RUNNING] = {"running", true, true, false, 0, SESSION_RUNNING, NULL},
    [SESSION_HIBERNATING] = {"hibernating", true, true, true, 120000, SESSION_FAILED,
                             "the agent did not report the session as hibernated in time"},
    [SESSION_HIBERNATED] = {"hibernated", true, false, false, 0, SESSION_HIBERNATED, NULL},
    [SESSION_WAKING] = {"waking", true, true, true, 120000, SESSION_FAILED,
                        "the agent did not report the session as awake in time"},
    [SESSION_TERMINATING] = {"terminating", true, true, true, 60000, SESSION_TERMINATING, NULL},
    [SESSION_TERMINATED] = {"terminated", false, false, false, 0, SESSION_TERMINATED, NULL},
    [SESSION_FAILED] = {"failed", false, false, false, 0, SESSION_FAILED, NULL},
};

bool state_legal(enum session_state from, enum session_state to, unsigned by) {
    for (size_t i = 0; i < state_step_count; i++) {
        if (state_steps[i].from == from && state_steps[i].to == to)
            return (state_steps[i].by & by) != 0;
    }
    return false;
}

unsigned state_froms(enum session_state to, unsigned by) {
    unsigned set = 0;
    for (size_t i = 0; i < state_step_count; i++) {
        if (state_steps[i].to == to && (state_steps[i].by & by))
            set |= 1u << state_steps[i].from;
    }
    return set;
}

const char *state_name(enum session_state state) {
    return state_table[state].name;
}

bool state_parse(const char *text, enum session_state *ret) {
    for (int state = 0; state < SESSION_STATES; state++) {
        if (str_eq(text, state_table[state].name)) {
            *ret = (enum session_state)state;
            return true;
        }
    }
    return false;
}

const char *state_set_sql(unsigned states, char *text) {
    struct strbuf out = {.data = text, .capacity = STATE_SET_SIZE, .max = STATE_SET_SIZE - 1, .fixed = true};
    const char *before = "(";
    for (int state = 0; state < SESSION_STATES; state++) {
        if (states & (1u << state)) {
            strbuf_printf(&out, "%s'%s'", before, state_table[state].name);
            before = ",";
        }
    }
    /* The empty set is a set, too: one that no state is in. */
    strbuf_puts(&out, *before == '(' ? "('')" : ")");
    return text;
}
