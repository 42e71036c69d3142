/* The file of --config: whatever it holds is read, or refused with a word about where. */
#include "fuzz.h"

#include "base/options.h"
#include "base/str.h"
#include "main/config_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_config_file_ struct config_file *file = NULL;
    struct err err = {0};
    char source[OPTION_SOURCE_SIZE];
    if (config_file_parse(&file, "F", (const char *)data, size, &err) < 0) {
        if (file || err.kind != ERR_INVALID || !str_starts(err.message, "F:"))
            abort();
        return 0;
    }
    const char *value = config_file_get(file, "listen", source);
    if (value && (strlen(value) > CONFIG_VALUE_MAX || !str_is_utf8(value, strlen(value))))
        abort();
    return 0;
}
