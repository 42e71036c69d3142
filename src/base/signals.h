/* What a program starts with: every signal at its default, none blocked.
 *
 * Dispositions to ignore and blocked signals pass through fork(2) and execve(2), so what was true where our
 * own process was started would else be true in every session. */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

/* Sets every signal to its default and unblocks all, also the two that the C library keeps for itself and
 * hides from sigaction(3) (a parent that does not use that library may have ignored them). Between fork(2)
 * and execve(2) only: async-signal-safe, but it takes the library's own handlers away. */
void signals_reset(void);

#endif
