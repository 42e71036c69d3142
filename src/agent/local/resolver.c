#include "agent/local/resolver.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define NAME_SERVERS_MAX 3 /* resolv.conf(5): MAXNS */

/* True when a session reaches this server by its address, whatever port. */
static bool is_reachable(const char *text, const struct host_addresses *host) {
    struct host_address address = {0};
    if (inet_pton(AF_INET, text, address.bytes) == 1) {
        address.family = AF_INET;
        if (address.bytes[0] == 127 || address.bytes[0] == 0 ||
            (address.bytes[0] == 169 && address.bytes[1] == 254))
            return false;
    } else if (inet_pton(AF_INET6, text, address.bytes) == 1) {
        struct in6_addr in6;
        address.family = AF_INET6;
        memcpy(&in6, address.bytes, sizeof in6);
        if (IN6_IS_ADDR_LOOPBACK(&in6) || IN6_IS_ADDR_LINKLOCAL(&in6) || IN6_IS_ADDR_UNSPECIFIED(&in6))
            return false;
    } else {
        return false; /* also "fe80::1%eth0" */
    }
    return !host_addresses_contain(host, &address);
}

char *resolver_make(const char *host_text, const struct host_addresses *host) {
    _cleanup_strv_ struct strv lines = {0};
    strv_split(&lines, host_text, '\n');
    _cleanup_strv_ struct strv servers = {0};
    struct strbuf text = STRBUF_MAX(RESOLV_CONF_MAX);
    for (size_t i = 0; i < lines.count; i++) {
        for (char *p = lines.items[i]; *p; p++)
            if (*p == '\t')
                *p = ' ';
        _cleanup_strv_ struct strv words = {0};
        strv_split(&words, lines.items[i], ' ');
        if (words.count < 2)
            continue;
        if (str_eq(words.items[0], "search") || str_eq(words.items[0], "domain") ||
            str_eq(words.items[0], "options"))
            strbuf_printf(&text, "%s\n", lines.items[i]);
        if (!str_eq(words.items[0], "nameserver"))
            continue;
        const char *server = is_reachable(words.items[1], host) ? words.items[1] : NET_DNS_FORWARD;
        if (servers.count < NAME_SERVERS_MAX && !strv_contains(&servers, server))
            strv_add(&servers, server);
    }
    if (servers.count == 0) /* resolv.conf(5): then the host asks its loopback */
        strv_add(&servers, NET_DNS_FORWARD);
    for (size_t i = 0; i < servers.count; i++)
        strbuf_printf(&text, "nameserver %s\n", servers.items[i]);
    return strbuf_steal(&text);
}
