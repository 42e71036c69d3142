/* Host user ids: one for every StreamSpace user, so that what one user's sessions could ever reach on the
 * host is not another's.
 *
 * For root, every agent has a range of IDS_PER_AGENT ids, entered in a registry that all agents of the
 * machine share (a directory with one text file, guarded by flock): ranges never overlap. Within it, users
 * are numbered as they come, in the agent's state directory, durably; a number is never given to another
 * user. For others there is only their own id, and every session has that.
 */
#ifndef SS_AGENT_LOCAL_IDS_H
#define SS_AGENT_LOCAL_IDS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* 0x70000000 … 0x7fffffff: no distribution gives these to users, services or containers. */
#define IDS_FIRST 0x70000000u
#define IDS_LAST 0x7fffffffu
#define IDS_PER_AGENT 65536u
#define IDS_DIRECTORY "/var/lib/streamspace-ids"

struct ids;

/* Opens (and makes) the numbering of one agent. `directory` is the registry's (NULL: IDS_DIRECTORY). While it
 * is open no other agent of this id can open it on this machine: ERR_CONFLICT. Entries of agents whose state
 * directory is gone are given to others. */
int ids_open(struct ids **ret, const char *agent_id, const char *state_dir, const char *directory,
             struct err *err);
void ids_close(struct ids *ids); /* accepts NULL */

/* The host id of a user, made up and recorded when he is new. ERR_LIMIT when the range is used up. Any
 * thread. */
int ids_of_user(struct ids *ids, const char *user, uid_t *ret, struct err *err);
/* True when sessions have ids of their own (root). */
bool ids_are_separate(const struct ids *ids);

#endif
