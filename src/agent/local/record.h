/* What the agent knows of a session, on disk: `<state_dir>/sessions/<session>.json`, for root's (or the
 * agent's) eyes only, since it holds the token of the session's port.
 *
 * It is written before anything of the session is made and again at every step, and removed when nothing of
 * it is left. So an agent that starts finds whatever an earlier one left, at whatever point that one died.
 * Written by rename, but not synced to disk: sessions do not outlive the machine either.
 */
#ifndef SS_AGENT_LOCAL_RECORD_H
#define SS_AGENT_LOCAL_RECORD_H

#include "agent/local/cgroup.h"
#include "agent/local/process.h"
#include "base/err.h"
#include "base/id.h"

#define HOME_NAME_MAX 127
#define RECORD_MAX (64 * 1024)

struct record {
    char session[SESSION_NAME_MAX + 1];
    char boot[BOOT_ID_SIZE];
    bool running; /* the start was completed */
    uid_t uid;
    struct process_id outer;   /* the sandbox's outer process, on the host */
    struct process_id display; /* its process 1 */
    struct process_id network; /* pasta, where it is not in the session's control groups */
    char token[KEY_HEX_SIZE];
    char home[HOME_NAME_MAX + 1]; /* name of the persistent home, or "" */
    bool outbound;
    struct cgroup_limits limits;
    struct cgroup groups;
};

void record_finish(struct record *record);
#define _cleanup_record_ __attribute__((cleanup(record_finish)))

int record_write(const struct record *record, const char *state_dir, struct err *err);
/* ERR_NOT_FOUND when there is none; a damaged one is read as an empty record of that session. */
int record_read(struct record *record, const char *state_dir, const char *session_id, struct err *err);
int record_remove(const char *state_dir, const char *session_id, struct err *err);
/* The sessions that have records, or had one begun when the agent was killed. */
int record_list(const char *state_dir, struct strv *sessions, struct err *err);

/* A home's name: 1–127 of a-z 0-9 '.' '_' '-', beginning with a letter or digit. */
bool home_name_is_valid(const char *name);

#endif
