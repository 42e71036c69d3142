/* What the local runtime reads that sessions, hosts and kernels write: whatever comes in, what comes out
 * keeps to its bounds. */
#include "fuzz.h"

#include "agent/local/cgroup.h"
#include "agent/local/process.h"
#include "agent/local/resolver.h"
#include "agent/local/status.h"
#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_free_ char *text = str_ndup((const char *)data, size);
    struct status status;
    if (status_parse(&status, text, strlen(text)) &&
        (!str_is_utf8(status.reason, strlen(status.reason)) ||
         !str_is_utf8(status.stage, strlen(status.stage)) || strpbrk(status.reason, "\n\r\x1b")))
        abort();
    uint64_t start;
    process_parse_start(text, &start);
    struct cgroup_mounts mounts;
    cgroup_mounts_parse(&mounts, text, text);
    for (size_t i = 0; i < mounts.count; i++)
        if (!mounts.items[i].parts || !str_starts(mounts.items[i].own, mounts.items[i].point))
            abort();
    cgroup_mounts_finish(&mounts);
    struct host_addresses none = {0};
    _cleanup_free_ char *resolv = resolver_make(text, &none);
    if (strlen(resolv) > RESOLV_CONF_MAX)
        abort();
    return 0;
}
