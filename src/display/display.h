/* `streamspace display`: what runs inside every session.
 *
 * It is process 1 of the sandbox (or of the display container): it starts the X server (Xvnc), a window
 * manager and the application, says when the session is ready, keeps the session's log, serves the session's
 * port and reaps what is left behind. Outside a sandbox (tests) it works the same as a child subreaper.
 * docs/rooms/display.md tells the whole story.
 */
#ifndef SS_DISPLAY_DISPLAY_H
#define SS_DISPLAY_DISPLAY_H

#define DISPLAY_CONFIG_DEFAULT "/run/streamspace/display.json"

/* Runs the command: argv[0] is its name, then `--config FILE` or `--help`. The file is removed once read.
 * Returns the process's exit code: 0 when the session ended as it should (SIGTERM, application closed), 1
 * when it failed, 2 when it could not even begin (bad arguments or configuration, no room for its files). */
int display_main(int argc, char **argv);

#endif
