#include "agent/local/net_rules.h"

#include "agent/local/forked.h"
#include "base/cleanup.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define ANSWER_MAX 8192

/* Rules are tried from the lowest number on. The table of local addresses has 0; for IPv6 it is moved behind
 * ours, since multicast has its route there. */
enum { RULE_DNS = 10, RULE_RANGES = 20, RULE_HOST = 30, RULE_LOCAL_V6 = 100 };

struct rule {
    bool remove;
    int family;
    unsigned char prefix[16];
    unsigned prefix_length;
    uint32_t priority;
    uint32_t table; /* look there, or 0: refuse */
    uint16_t udp_port;
    bool only_own; /* only what this namespace itself sends, not what comes in */
};

static void put(struct strbuf *script, unsigned short type, const void *data, size_t length) {
    struct rtattr attribute = {.rta_len = (unsigned short)RTA_LENGTH(length), .rta_type = type};
    static const char zeros[RTA_ALIGNTO] = {0};
    strbuf_append(script, &attribute, sizeof attribute);
    strbuf_append(script, data, length);
    strbuf_append(script, zeros, RTA_ALIGN(length) - length);
}

static size_t address_size(int family) {
    return family == AF_INET ? 4 : 16;
}

static void put_rule(struct strbuf *script, const struct rule *rule) {
    size_t begin = script->length;
    struct nlmsghdr header = {.nlmsg_type = rule->remove ? RTM_DELRULE : RTM_NEWRULE,
                              .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK};
    if (!rule->remove)
        header.nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
    struct fib_rule_hdr body = {.family = (unsigned char)rule->family,
                                .dst_len = (unsigned char)rule->prefix_length,
                                .action = rule->table ? FR_ACT_TO_TBL : FR_ACT_PROHIBIT};
    strbuf_append(script, &header, sizeof header);
    strbuf_append(script, &body, sizeof body);
    put(script, FRA_PRIORITY, &rule->priority, sizeof rule->priority);
    if (rule->prefix_length)
        put(script, FRA_DST, rule->prefix, address_size(rule->family));
    if (rule->table)
        put(script, FRA_TABLE, &rule->table, sizeof rule->table);
    if (rule->only_own)
        put(script, FRA_IIFNAME, "lo", sizeof "lo");
    if (rule->udp_port) {
        unsigned char protocol = IPPROTO_UDP;
        struct fib_rule_port_range port = {.start = rule->udp_port, .end = rule->udp_port};
        put(script, FRA_IP_PROTO, &protocol, sizeof protocol);
        put(script, FRA_DPORT_RANGE, &port, sizeof port);
    }
    if (script->overflow)
        return;
    header.nlmsg_len = (uint32_t)(script->length - begin);
    memcpy(script->data + begin, &header, sizeof header);
}

static void put_range(struct strbuf *script, int family, const char *prefix, unsigned length) {
    struct rule rule = {.family = family, .prefix_length = length, .priority = RULE_RANGES, .only_own = true};
    if (inet_pton(family, prefix, rule.prefix) == 1)
        put_rule(script, &rule);
}

void net_script_fixed(struct strbuf *script) {
    struct rule names = {.family = AF_INET,
                         .prefix_length = 32,
                         .priority = RULE_DNS,
                         .table = RT_TABLE_MAIN,
                         .udp_port = 53,
                         .only_own = true};
    inet_pton(AF_INET, NET_DNS_FORWARD, names.prefix);
    put_rule(script, &names);
    put_range(script, AF_INET, "169.254.0.0", 16);
    put_range(script, AF_INET, "224.0.0.0", 4);
    put_range(script, AF_INET, "255.255.255.255", 32);
    put_range(script, AF_INET6, "fe80::", 10);
    put_range(script, AF_INET6, "ff00::", 8);
    put_rule(script, &(struct rule){.family = AF_INET6, .priority = RULE_LOCAL_V6, .table = RT_TABLE_LOCAL});
    put_rule(script, &(struct rule){.family = AF_INET6, .remove = true, .table = RT_TABLE_LOCAL});
}

static void put_host(struct strbuf *script, const struct host_address *address, bool remove) {
    struct rule rule = {.remove = remove,
                        .family = address->family,
                        .prefix_length = (unsigned)(8 * address_size(address->family)),
                        .priority = RULE_HOST,
                        .only_own = true};
    memcpy(rule.prefix, address->bytes, sizeof rule.prefix);
    put_rule(script, &rule);
}

void net_script_addresses(struct strbuf *script, const struct host_addresses *now,
                          const struct host_addresses *before) {
    for (size_t i = 0; i < now->count; i++)
        if (!before || !host_addresses_contain(before, &now->items[i]))
            put_host(script, &now->items[i], false);
    for (size_t i = 0; before && i < before->count; i++)
        if (!host_addresses_contain(now, &before->items[i]))
            put_host(script, &before->items[i], true);
}

bool host_addresses_contain(const struct host_addresses *list, const struct host_address *address) {
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].family == address->family &&
            memcmp(list->items[i].bytes, address->bytes, address_size(address->family)) == 0)
            return true;
    return false;
}

void host_addresses_finish(struct host_addresses *list) {
    free(list->items);
    *list = (struct host_addresses){0};
}

/* False for what other rules refuse already or what never leaves the namespace. */
static bool take_address(const struct sockaddr *from, struct host_address *ret) {
    *ret = (struct host_address){0};
    if (from && from->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, from, sizeof in);
        ret->family = AF_INET;
        memcpy(ret->bytes, &in.sin_addr, 4);
        return ret->bytes[0] != 127 && !(ret->bytes[0] == 169 && ret->bytes[1] == 254);
    }
    if (from && from->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, from, sizeof in6);
        ret->family = AF_INET6;
        memcpy(ret->bytes, &in6.sin6_addr, 16);
        return !IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) && !IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr);
    }
    return false;
}

int host_addresses_read(struct host_addresses *ret, struct err *err) {
    struct ifaddrs *all;
    if (getifaddrs(&all) < 0)
        return err_errno(err, "cannot list the host's addresses");
    struct host_addresses list = {.items = mem_zalloc(HOST_ADDRESSES_MAX * sizeof *list.items)};
    int result = 0;
    for (const struct ifaddrs *entry = all; entry && result == 0; entry = entry->ifa_next) {
        struct host_address address;
        if (!take_address(entry->ifa_addr, &address) || host_addresses_contain(&list, &address))
            continue;
        if (list.count == HOST_ADDRESSES_MAX)
            result = err_set(err, ERR_LIMIT, NULL, "the host has more than %d addresses", HOST_ADDRESSES_MAX);
        else
            list.items[list.count++] = address;
    }
    freeifaddrs(all);
    if (result < 0)
        host_addresses_finish(&list);
    else
        *ret = list;
    return result;
}

/* Sends one message and reads its answer. 0 or an errno value. */
static int ask(int fd, const struct nlmsghdr *message) {
    if (send(fd, message, message->nlmsg_len, 0) < 0)
        return errno;
    _Alignas(struct nlmsghdr) char answer[ANSWER_MAX];
    ssize_t got = recv(fd, answer, sizeof answer, 0);
    if (got < 0)
        return errno;
    const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
    if (!NLMSG_OK(header, (unsigned)got) || header->nlmsg_type != NLMSG_ERROR)
        return EPROTO;
    return -((const struct nlmsgerr *)NLMSG_DATA(header))->error;
}

/* What a rule may answer without harm: it is there already, it was gone already, there is no IPv6. */
static bool is_harmless(const struct nlmsghdr *message, int error) {
    const struct fib_rule_hdr *body = NLMSG_DATA(message);
    if (body->family == AF_INET6 && (error == EAFNOSUPPORT || error == EOPNOTSUPP))
        return true;
    return message->nlmsg_type == RTM_NEWRULE ? error == EEXIST : error == ENOENT;
}

int net_apply(const void *script, size_t length) {
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return errno;
    int plain = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result = plain < 0 || ioctl(plain, SIOCSIFFLAGS, &loopback) < 0 ? errno : 0;
    const char *at = script;
    while (result == 0 && length >= sizeof(struct nlmsghdr)) {
        const struct nlmsghdr *message = (const void *)at;
        int error = ask(fd, message);
        if (error != 0 && !is_harmless(message, error))
            result = error;
        at += message->nlmsg_len;
        length -= message->nlmsg_len;
    }
    close_fd(plain);
    close_fd(fd);
    return result;
}

int net_apply_in(int user_namespace, int net_namespace, const struct strbuf *script, struct err *err) {
    pid_t child = fork_quietly();
    if (child == 0) {
        /* For root the first is a loss of rights, which is as well; for others it is what gives them. */
        if (setns(user_namespace, CLONE_NEWUSER) < 0 || setns(net_namespace, CLONE_NEWNET) < 0)
            _exit(errno & 0x7f);
        _exit(net_apply(script->data, script->length) & 0x7f);
    }
    if (child < 0)
        return err_errno(err, "cannot fork");
    int status; /* a handful of system calls that cannot block: no limit is needed */
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
    return err_errno(err, "cannot set the network rules of a session");
}
