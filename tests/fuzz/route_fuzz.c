/* Whatever a path is: it is refused, unknown, or has parts that are safe to use. */
#include "fuzz.h"

#include "api/route.h"
#include "base/cleanup.h"
#include "base/str.h"

static const struct route table[] = {
    {"list", "GET", "/api/v1/things", ROUTE_USER},
    {"one", "GET", "/api/v1/things/{name}", ROUTE_USER},
    {"part", "DELETE", "/api/v1/things/{name}/parts/{part}", ROUTE_USER},
};

static void check_part(const char *part) {
    size_t length = strlen(part);
    if (length > ROUTE_SEGMENT_MAX || !str_is_utf8(part, length) || strpbrk(part, "/\\\r\n") ||
        str_eq(part, ".") || str_eq(part, ".."))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_free_ char *path = str_ndup((const char *)data, size);
    static const char *const methods[] = {"GET", "DELETE", "PUT"};
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        struct route_match match;
        if (route_find(table, ARRAY_SIZE(table), methods[i], path, &match, NULL) < 0)
            continue;
        for (size_t k = 0; k < ROUTE_PARAMS_MAX; k++)
            check_part(match.params[k]);
        if (match.route == &table[1] && !*match.params[0])
            abort();
    }
    return 0;
}
