/* Who this agent is: its state directory, which one process at a time may use.
 *
 *     lock          held while the process lives
 *     agent-id      its name
 *     instance-id   random; the same in every process on this directory
 *     api-key       its own key, once it has one (0600)
 */
#ifndef SS_AGENT_IDENTITY_H
#define SS_AGENT_IDENTITY_H

#include "base/err.h"
#include "base/id.h"

#define IDENTITY_INSTANCE_SIZE 33
#define IDENTITY_KEY_MAX 256

struct identity {
    char *dir;
    int lock;
    char agent_id[AGENT_ID_MAX + 1];
    char instance_id[IDENTITY_INSTANCE_SIZE];
    char key[IDENTITY_KEY_MAX + 1]; /* "" while there is none */
};

/* `agent_id` NULL or "": what the directory says, or made up. ERR_CONFLICT: another process uses the
 * directory, or it belongs to another agent id. Finish it in any case. */
int identity_open(struct identity *identity, const char *dir, const char *agent_id, struct err *err);
int identity_save_key(struct identity *identity, const char *key, struct err *err);
void identity_finish(struct identity *identity);

#endif
