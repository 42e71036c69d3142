/* The session's application: its process, and all that descends from it. */
#ifndef SS_DISPLAY_APPLICATION_H
#define SS_DISPLAY_APPLICATION_H

#include "base/err.h"
#include "display/config.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Zero-initialise. */
struct application {
    pid_t pid;       /* of the program that was started; 0 when it has been reaped */
    pid_t group;     /* its process group, 0 before the first start */
    int end_status;  /* as waitpid gave it, once pid is 0 */
    int64_t started; /* clock_ms */
};

/* The environment it gets: an allow-list of ours, a runtime directory in `dir`, then the configuration's. */
void application_environment(struct strv *env, const struct display_config *config, const char *dir,
                             const char *display, const char *authority);
/* Whether its program is there at all: "application not installed: gimp". */
int application_check(const struct display_config *config, const struct strv *env, struct err *err);
/* Starts it; the message of an error is the session's reason. */
int application_start(struct application *application, const struct display_config *config,
                      const struct strv *env, int output, struct err *err);

/* True when the program has ended and nothing that it started lives on, helpers excepted (procs.h). `without`
 * are our children that are not the application's: X server and window manager, 0 for none. */
bool application_is_gone(const struct application *application, const pid_t *without, size_t without_count);
/* Asks its process group, and what it has left with us, to end. */
void application_ask_to_end(const struct application *application, const pid_t *without,
                            size_t without_count);

/* "application closed" or "application exited with code 1"; `text` has DISPLAY_REASON_MAX bytes (state.h). */
void application_end_reason(const struct application *application, char *text);

#endif
