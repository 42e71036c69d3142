/* A display's configuration: taken whole and within its bounds, or refused without a trace of the token. */
#include "fuzz.h"

#include "display/config.h"
#include "display/procs.h"

#include <stdlib.h>
#include <string.h>

static void parse_as_stat(const uint8_t *data, size_t size) {
    char text[1024];
    if (size >= sizeof text)
        return;
    memcpy(text, data, size);
    text[size] = '\0';
    struct proc process;
    if (proc_parse_stat(text, &process) && strlen(process.name) >= sizeof process.name)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct display_config config;
    struct err err = {0};
    parse_as_stat(data, size);
    if (display_config_parse(&config, (const char *)data, size, &err) < 0) {
        if (err.kind == ERR_NONE || config.listen || config.command.items || config.token[0])
            abort();
        return 0;
    }
    if (strlen(config.token) != DISPLAY_TOKEN_DIGITS || config.command.count < 1 ||
        config.command.count > DISPLAY_COMMAND_WORDS_MAX || config.env.count > DISPLAY_ENV_MAX ||
        config.width < DISPLAY_SIDE_MIN || config.width > DISPLAY_SIDE_MAX || config.workdir[0] != '/' ||
        config.log[0] != '/')
        abort();
    display_config_finish(&config);
    return 0;
}
