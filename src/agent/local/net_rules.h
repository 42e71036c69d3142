/* What a session's network namespace refuses, as rules of the kernel's packet filter (nf_tables) in that
 * namespace.
 *
 * The session's outgoing traffic leaves through pasta, which opens the same connection from the host. So
 * whatever the host alone may reach must be refused before: its own addresses, link-local addresses (cloud
 * metadata), multicast and broadcast. A filter on what the namespace sends does that; it looks at the packet
 * itself, so that no socket option leads around it (routing rules that prohibit can be passed by binding a
 * socket to the device). It belongs to a user namespace in which the session has no rights. Loopback never
 * leaves the namespace.
 *
 * The rules are written as netlink messages ("scripts"), each script one transaction: all of it or nothing.
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
#define NET_SCRIPT_MAX (1024 * 1024) /* bytes of messages */

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
bool host_addresses_equal(const struct host_addresses *a, const struct host_addresses *b);

/* The script that makes the filter, with the host's addresses. */
void net_script_make(struct strbuf *script, const struct host_addresses *host);
/* The script that puts other addresses of the host in the place of those that are refused now. */
void net_script_replace(struct strbuf *script, const struct host_addresses *host);

/* Turns the loopback interface of the calling process's network namespace on and sends a script (which may be
 * empty). Async-signal-safe: for a child after fork. 0, or an errno value. */
int net_apply(const void *script, size_t length);

/* Runs a script in another network namespace (descriptors of it and of the user namespace that owns it,
 * borrowed) in a short-lived child. */
int net_apply_in(int user_namespace, int net_namespace, const struct strbuf *script, struct err *err);

#endif
