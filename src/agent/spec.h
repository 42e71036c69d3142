/* The payloads of start_session and update_session, checked and unpacked into what a runtime takes. */
#ifndef SS_AGENT_SPEC_H
#define SS_AGENT_SPEC_H

#include "agent/runtime.h"

#define SPEC_WORDS_MAX 256 /* of the command, and variables of the environment */
#define SPEC_TEXT_MAX 8192 /* bytes of one of them */
#define SPEC_HOME_MAX 128
#define SPEC_PIDS_DEFAULT 512
#define SPEC_PIDS_MAX 32768
#define SPEC_GEOMETRY_DEFAULT "1280x800"
#define SPEC_MEMORY_DEFAULT (512 * 1024 * (int64_t)1024)
#define SPEC_CPU_DEFAULT 1000

struct spec {
    struct session_spec spec; /* borrows from the rest */
    struct strv command, env;
    json_t *payload;
};

/* `text` is a JSON object. ERR_INVALID names the field. Finish it in any case. */
int spec_parse(const char *text, struct spec *ret, struct err *err);
void spec_finish(struct spec *spec);

/* The payload of update_session: its resources, 0 where one is not given. ERR_INVALID names the field, also
 * when there is nothing to change. */
int limits_parse(const char *text, struct runtime_limits *ret, struct err *err);

#endif
