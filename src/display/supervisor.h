/* The course of one session: display server, window manager and application started, watched and ended.
 *
 *     starting ──▶ running ──▶ stopping application ──▶ stopping display ──▶ over
 *         └───────────────────────▲
 *
 * It starts the X server and, in its socket's queue, the window manager and the application at once. The
 * session runs when RFB has answered and the application's program is up. It ends with the application (or
 * restarts it), with the X server, or when told to. The application counts as ended when its process and all
 * that descends from it are gone, but for the helpers that desktops leave behind (procs.h).
 *
 * Everything happens on the loop. Every wait has a limit, below.
 */
#ifndef SS_DISPLAY_SUPERVISOR_H
#define SS_DISPLAY_SUPERVISOR_H

#include "base/loop.h"
#include "display/config.h"
#include "display/session_log.h"
#include "display/state.h"
#include "display/status.h"

#define SUPERVISOR_WM_LIMIT_MS                                                                               \
    2000 /* for the window manager to get ready; then the application goes without */
#define SUPERVISOR_APP_LIMIT_MS 3000    /* SIGTERM to the application, before it is killed */
#define SUPERVISOR_DISPLAY_LIMIT_MS 500 /* the same for the X server and what else is left */
#define SUPERVISOR_KILL_LIMIT_MS 2000   /* SIGKILL to the last process gone */
#define SUPERVISOR_TICK_MS 20           /* between looks for what is not our own child */
#define SUPERVISOR_REMAINS_MS 1000      /* the same while a daemonised application runs */
#define SUPERVISOR_BLAME_MS                                                                                  \
    100 /* an application that fails this shortly before the X server was killed by that */

struct supervisor;

struct supervisor_options {
    const struct display_config *config; /* all borrowed */
    struct loop *loop;
    struct session_log *log;
    struct display_state *state;
    struct display_status *status;
    const char *dir; /* private directory of the session's sockets and files */
    /* Nothing runs any more; the end is published. Called once, on the loop. */
    void (*on_over)(void *arg);
    /* No viewer is served from here on. */
    void (*on_closing)(void *arg);
    void *arg;
};

/* Makes the files and sockets. */
int supervisor_create(struct supervisor **ret, const struct supervisor_options *options, struct err *err);
/* Starts everything. What fails becomes the session's end, published and reported by on_over. */
void supervisor_start(struct supervisor *supervisor);
/* Ends the session: not a failure. A second call kills at once. */
void supervisor_stop(struct supervisor *supervisor, const char *reason);
/* To be called for SIGCHLD: reaps every child there is. */
void supervisor_reap(struct supervisor *supervisor);
/* After on_over (or before supervisor_start). Accepts NULL. */
void supervisor_destroy(struct supervisor *supervisor);

const char *supervisor_rfb_path(const struct supervisor *supervisor);
bool supervisor_failed(const struct supervisor *supervisor);

#endif
