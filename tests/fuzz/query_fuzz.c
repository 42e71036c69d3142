/* Query strings: names and values are UTF-8 or nothing, and there are no more of them than the text has
 * parts. */
#include "fuzz.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "http/server_internal.h"

#define PATH "/api/v1/sessions/x/stream"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_free_ char *query = str_ndup((const char *)data, size);
    _cleanup_free_ char *target = str_format(PATH "?%s", query);
    struct http_request *request = request_create(NULL, target);
    if (!str_eq(http_path(request), PATH))
        abort();
    size_t count = 0, parts = 1;
    for (const char *c = query; *c; c++)
        parts += *c == '&';
    for (const char *name; (name = http_query_name(request, count)); count++) {
        const char *value = http_query(request, name);
        if (!str_is_utf8(name, strlen(name)) || (value && !str_is_utf8(value, strlen(value))))
            abort();
    }
    if (count > parts)
        abort();
    request_destroy(request);
    return 0;
}
