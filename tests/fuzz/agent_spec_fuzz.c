/* The payload of start_session: whatever comes in, what is accepted keeps to its bounds. */
#include "fuzz.h"

#include "agent/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = str_ndup((const char *)data, size);
    struct err err = {0};
    struct spec spec;
    if (spec_parse(text, &spec, &err) == 0) {
        const struct session_spec *s = &spec.spec;
        if (!id_is_session(s->session_id) || !s->command || !s->command[0] || !s->env ||
            s->memory_bytes < 0 || s->cpu_millis < 0 || s->pids_max < 1 || (s->persistent_home && !s->home) ||
            (s->home && strchr(s->home, '/')))
            abort();
    } else if (err.kind != ERR_INVALID) {
        abort();
    }
    spec_finish(&spec);
    free(text);
    return 0;
}
