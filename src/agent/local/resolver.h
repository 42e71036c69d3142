/* The session's /etc/resolv.conf, from the host's. */
#ifndef SS_AGENT_LOCAL_RESOLVER_H
#define SS_AGENT_LOCAL_RESOLVER_H

#include "agent/local/net_rules.h"

#include <stdbool.h>

#define RESOLV_CONF_MAX (16 * 1024)

/* Name servers that a session can reach itself are kept; ones that only the host can (its loopback, its own
 * addresses, link-local ones) are replaced by NET_DNS_FORWARD. `search` and `options` lines are kept. Owned
 * text. */
char *resolver_make(const char *host_text, const struct host_addresses *host);

#endif
