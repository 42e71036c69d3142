/* What the session is doing, for those who ask. Written by the display's loop, read by any thread. */
#ifndef SS_DISPLAY_STATE_H
#define SS_DISPLAY_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define DISPLAY_STAGE_MAX 64
#define DISPLAY_REASON_MAX 256

enum display_phase { DISPLAY_STARTING, DISPLAY_RUNNING, DISPLAY_ENDED };

struct display_situation {
    enum display_phase phase;
    pid_t pid;   /* of the application, while there is one */
    bool failed; /* of an end */
    char stage[DISPLAY_STAGE_MAX];
    char reason[DISPLAY_REASON_MAX];
};

struct display_state;
struct display_state *display_state_create(void);
void display_state_destroy(struct display_state *state); /* accepts NULL */

void display_state_set(struct display_state *state, const struct display_situation *situation);
struct display_situation display_state_get(struct display_state *state);

/* Whether the display takes viewers: Xvnc has answered and lives. */
void display_state_set_open(struct display_state *state, bool open);
bool display_state_is_open(struct display_state *state);

/* "starting", "running", "ended". */
const char *display_phase_name(enum display_phase phase);

/* One JSON object without line end, owned by the caller:
 *   {"state":"starting","stage":"starting display"}
 *   {"state":"running","pid":12}  (+ stage and reason while the application is being restarted or ended)
 *   {"state":"ended","failed":true,"reason":"application exited with code 1"} */
char *display_situation_json(const struct display_situation *situation);

#endif
