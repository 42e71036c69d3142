/* The window manager: openbox, set up so that one application fills the browser's window.
 *
 * Ordinary windows are maximised and bare of decoration; dialogs keep theirs. There is no root menu and no
 * panel; a click on the empty desktop lists the open windows, Ctrl+Alt+Tab goes through them, Alt+F4 closes
 * one.
 */
#ifndef SS_DISPLAY_WINDOW_MANAGER_H
#define SS_DISPLAY_WINDOW_MANAGER_H

#include "base/err.h"
#include "base/loop.h"
#include "base/str.h"

#include <sys/types.h>

struct window_manager;

/* Writes the configuration into `dir` (private, borrowed). `ready` is called after each start that succeeds.
 */
int window_manager_create(struct window_manager **ret, struct loop *loop, const char *dir, loop_fn ready,
                          void *arg, struct err *err);
/* Removes its files. The process must have been reaped. Accepts NULL. */
void window_manager_destroy(struct window_manager *manager);

/* Starts it with `env`, printing to `output`. Code "not_installed" when there is none. */
int window_manager_start(struct window_manager *manager, const struct strv *env, int output, struct err *err);
/* The process was reaped. */
void window_manager_ended(struct window_manager *manager);
pid_t window_manager_pid(const struct window_manager *manager); /* 0: does not run. Accepts NULL */

#endif
