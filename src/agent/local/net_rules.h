/* What a session's network namespace refuses, as routing rules (rtnetlink(7), ip-rule(8)) in that namespace.
 *
 * The session's outgoing traffic leaves through pasta, which opens the same connection from the host. So
 * whatever the host alone may reach must be refused before: its own addresses, link-local addresses (cloud
 * metadata), multicast and broadcast. Rules with the action `prohibit` do that: they come before every route,
 * need no program, and belong to a user namespace in which the session has no rights. Loopback never leaves
 * the namespace.
 */
#ifndef SS_AGENT_LOCAL_NET_RULES_H
#define SS_AGENT_LOCAL_NET_RULES_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* Where sessions ask for names when the host's own resolver is out of their reach; pasta passes these
 * queries on. A link-local address that stands for nothing else. */
#define NET_DNS_FORWARD "169.254.127.53"

#define HOST_ADDRESSES_MAX 1024
#define NET_SCRIPT_MAX (512 * 1024) /* bytes of messages */

struct host_address {
    int family; /* AF_INET or AF_INET6 */
    unsigned char bytes[16];
};
struct host_addresses {
    struct host_address *items; /* owned */
    size_t count;
};

/* All addresses of all interfaces of the host, without loopback and link-local ones. More than
 * HOST_ADDRESSES_MAX: ERR_LIMIT. */
int host_addresses_read(struct host_addresses *ret, struct err *err);
void host_addresses_finish(struct host_addresses *list);
bool host_addresses_contain(const struct host_addresses *list, const struct host_address *address);

/* Messages (struct nlmsghdr …, one after the other) that set the fixed rules. */
void net_script_fixed(struct strbuf *script);
/* Messages that refuse the addresses of `now` and allow again those that only `before` (may be NULL) had. */
void net_script_addresses(struct strbuf *script, const struct host_addresses *now,
                          const struct host_addresses *before);

/* Turns the loopback interface of the calling process's network namespace on and sends a script.
 * Async-signal-safe: for a child after fork. 0, or an errno value. */
int net_apply(const void *script, size_t length);

/* Runs a script in another network namespace (descriptors of it and of the user namespace that owns it,
 * borrowed) in a short-lived child. */
int net_apply_in(int user_namespace, int net_namespace, const struct strbuf *script, struct err *err);

#endif
