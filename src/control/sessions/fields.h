/* What may be asked of a session, by whoever creates or changes one; for the room. */
#ifndef SS_CONTROL_SESSION_FIELDS_H
#define SS_CONTROL_SESSION_FIELDS_H

#include "base/err.h"
#include "base/str.h"
#include "control/templates/template.h"

#include <jansson.h>

#define SESSION_SECONDS_MAX ((int64_t)365 * 86400)

/* All: ERR_INVALID naming the field. NULL passes. */
int session_check_tags(const struct strv *tags, struct err *err);
int session_check_env(const json_t *env, struct err *err);
/* From 10m and 16Mi to what the template allows. */
int session_check_resources(const struct template *template, int64_t cpu_millis, int64_t memory_bytes,
                            struct err *err);
int session_check_times(const struct template *template, int64_t idle_timeout, int64_t max_duration,
                        struct err *err);
/* As a JSON array. Owned by the caller. */
char *session_tags_text(const struct strv *tags);

#endif
