/* The first things that a forked child does. Async-signal-safe: the agent has threads. */
#ifndef SS_AGENT_LOCAL_FORKED_H
#define SS_AGENT_LOCAL_FORKED_H

#include <stddef.h>
#include <sys/types.h>

/* Default signal handling, no signal blocked, a session (setsid) of its own, and no descriptors above 2 but
 * those of `keep` (-1 entries are passed over; sorted in place). A child must not hold on to what other
 * starts of the agent wait on: when the agent dies, each must see the end of its own pipe. */
void forked_begin(int *keep, size_t count);

/* Takes on a user id and group for good. The raw calls: those of the library would signal threads that a
 * forked child does not have. 0, or -1 with errno. */
int forked_become(uid_t uid);

/* Forks with all signals blocked, so that no handler of the agent runs in the child; there they stay so until
 * forked_begin. As _Fork(3): no handlers of pthread_atfork run, and no tool's (a thread that one of them
 * started would keep the child from making a user namespace). */
pid_t fork_quietly(void);

#endif
