#include "agent/local/net_rules.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>

static bool is_same(const struct host_address *a, const struct host_address *b) {
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool host_addresses_contain(const struct host_addresses *list, const struct host_address *address) {
    for (size_t i = 0; i < list->count; i++)
        if (is_same(&list->items[i], address))
            return true;
    return false;
}

bool host_addresses_equal(const struct host_addresses *a, const struct host_addresses *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) /* neither has one twice */
        if (!host_addresses_contain(b, &a->items[i]))
            return false;
    return true;
}

void host_addresses_finish(struct host_addresses *list) {
    free(list->items);
    *list = (struct host_addresses){0};
}

/* False for what is refused in any case or never leaves a namespace. */
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
