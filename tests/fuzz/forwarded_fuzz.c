/* X-Forwarded-For and Forwarded: whatever they say, what comes out is an address. */
#include "fuzz.h"

#include "base/str.h"
#include "http/proxies.h"

#include <arpa/inet.h>

static void check(const char *address) {
    unsigned char bytes[16];
    if (inet_pton(AF_INET, address, bytes) != 1 && inet_pton(AF_INET6, address, bytes) != 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct http_proxies proxies;
    if (!proxies.count && http_proxies_parse(&proxies, "10.0.0.0/8,fd00::/8", NULL) < 0)
        abort();
    char *text = str_ndup((const char *)data, size), address[64] = "10.0.0.1";
    bool secure = false;
    http_proxies_x_forwarded(&proxies, text, text, address, &secure);
    check(address);
    str_copy(address, sizeof address, "10.0.0.1");
    http_proxies_forwarded(&proxies, text, address, &secure);
    check(address);
    free(text);
    return 0;
}
