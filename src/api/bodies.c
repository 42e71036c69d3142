/* The fields of request bodies: which there may be, of what type and size. */
#include "api/resources.h"

#include "base/id.h"
#include "base/units.h"
#include "control/groups/group.h"
#include "control/quotas/quota.h"
#include "control/sessions/session.h"
#include "control/users/mfa.h"

static bool is_cpu(const char *text) {
    int64_t millis;
    return cpu_parse(text, &millis) && millis > 0;
}

static bool is_memory(const char *text) {
    int64_t bytes;
    return bytes_parse(text, &bytes) && bytes > 0;
}

static bool is_duration(const char *text) {
    int64_t seconds;
    return duration_parse(text, &seconds);
}

/* NAME of an environment variable, as POSIX has it. */
static bool is_variable(const char *text) {
    if (!*text || strlen(text) > 128 || (*text >= '0' && *text <= '9'))
        return false;
    return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* Limits may be 0: nothing at all. */
static bool is_cpu_limit(const char *text) {
    int64_t millis;
    return cpu_parse(text, &millis);
}

static bool is_bytes_limit(const char *text) {
    int64_t bytes;
    return bytes_parse(text, &bytes);
}

static int check_object(const void *member, struct err *err) {
    const json_t *value = *(json_t *const *)member;
    if (!value || json_is_null(value) || json_is_object(value))
        return 0;
    return err_set(err, ERR_INVALID, "invalid_field", "must be an object or null");
}

static const char *const member_roles[] = {"member", "manager", NULL};
/* What can be asked for: hibernate and wake have routes of their own. */
static const char *const patch_states[] = {"terminated", NULL};
static const char *const agent_statuses[] = {"online", "draining", NULL};
static const char *const ticket_modes[] = {"control", "view", NULL};
static const char *const platforms[] = {"local", "docker", "kubernetes", NULL};

const struct json_field login_rows[3] = {
    {.name = "username", JSON_STRING_AT(struct login_body, username), .flags = JSON_REQUIRED, .max = 255},
    {.name = "password",
     JSON_STRING_AT(struct login_body, password),
     .flags = JSON_REQUIRED,
     .max = USER_PASSWORD_MAX},
    {.name = "otp", JSON_STRING_AT(struct login_body, otp), .max = MFA_OTP_MAX},
};

const struct json_field refresh_rows[1] = {
    {.name = "refreshToken",
     JSON_STRING_AT(struct refresh_body, refresh_token),
     .flags = JSON_REQUIRED,
     .max = 256},
};

const struct json_field change_password_rows[2] = {
    {.name = "currentPassword",
     JSON_STRING_AT(struct change_password_body, current_password),
     .flags = JSON_REQUIRED,
     .max = USER_PASSWORD_MAX},
    {.name = "newPassword",
     JSON_STRING_AT(struct change_password_body, new_password),
     .flags = JSON_REQUIRED,
     .max = USER_PASSWORD_MAX},
};

static const struct json_field resources_rows[] = {
    {.name = "memory",
     JSON_STRING_AT(struct resources_body, memory),
     .max = 32,
     .valid = is_memory,
     .expect = "a size such as 512Mi or 2Gi"},
    {.name = "cpu",
     JSON_STRING_AT(struct resources_body, cpu),
     .max = 32,
     .valid = is_cpu,
     .expect = "a number of cores such as 500m or 2"},
};

const struct json_field session_rows[8] = {
    {.name = "template",
     JSON_STRING_AT(struct session_body, template_name),
     .flags = JSON_REQUIRED,
     .max = TEMPLATE_NAME_MAX,
     .valid = id_is_template,
     .expect = "the name of a template"},
    {.name = "user",
     JSON_STRING_AT(struct session_body, user),
     .max = USERNAME_MAX,
     .valid = id_is_username,
     .expect = "a username"},
    {.name = "resources", JSON_OBJECT_AT(struct session_body, resources, resources_rows)},
    {.name = "persistentHome", JSON_BOOL_AT(struct session_body, persistent_home)},
    {.name = "idleTimeout",
     JSON_STRING_AT(struct session_body, idle_timeout),
     .max = 32,
     .valid = is_duration,
     .expect = "a duration such as 30m or 8h"},
    {.name = "maxSessionDuration",
     JSON_STRING_AT(struct session_body, max_duration),
     .max = 32,
     .valid = is_duration,
     .expect = "a duration such as 30m or 8h"},
    {.name = "tags",
     JSON_STRINGS_AT(struct session_body, tags),
     .max = SESSION_TAGS_MAX,
     .item_max = SESSION_TAG_MAX},
    {.name = "env",
     JSON_MAP_AT(struct session_body, env),
     .max = SESSION_ENV_MAX,
     .item_max = 4096,
     .valid = is_variable,
     .expect = "letters, digits and '_'"},
};

/* null takes a time away. */
const struct json_field session_patch_rows[5] = {
    {.name = "state", JSON_STRING_AT(struct session_patch_body, state), .values = patch_states},
    {.name = "tags",
     JSON_STRINGS_AT(struct session_patch_body, tags),
     .present = JSON_PRESENT(struct session_patch_body, has_tags),
     .max = SESSION_TAGS_MAX,
     .item_max = SESSION_TAG_MAX},
    {.name = "idleTimeout",
     JSON_STRING_AT(struct session_patch_body, idle_timeout),
     .present = JSON_PRESENT(struct session_patch_body, has_idle_timeout),
     .flags = JSON_NULLABLE,
     .max = 32,
     .valid = is_duration,
     .expect = "a duration such as 30m or 8h"},
    {.name = "maxSessionDuration",
     JSON_STRING_AT(struct session_patch_body, max_duration),
     .present = JSON_PRESENT(struct session_patch_body, has_max_duration),
     .flags = JSON_NULLABLE,
     .max = 32,
     .valid = is_duration,
     .expect = "a duration such as 30m or 8h"},
    {.name = "resources", JSON_OBJECT_AT(struct session_patch_body, resources, resources_rows)},
};

const struct json_field ticket_rows[1] = {
    {.name = "mode", JSON_STRING_AT(struct ticket_body, mode), .values = ticket_modes},
};

const struct json_field share_rows[4] = {
    {.name = "username",
     JSON_STRING_AT(struct share_body, username),
     .max = USERNAME_MAX,
     .valid = id_is_username,
     .expect = "a username"},
    {.name = "link", JSON_BOOL_AT(struct share_body, link)},
    {.name = "mode", JSON_STRING_AT(struct share_body, mode), .flags = JSON_REQUIRED, .values = ticket_modes},
    {.name = "expiresAt", JSON_STRING_AT(struct share_body, expires_at), .max = 64},
};

const struct json_field agent_token_rows[1] = {
    {.name = "agentId",
     JSON_STRING_AT(struct agent_token_body, agent_id),
     .max = AGENT_ID_MAX,
     .valid = id_is_agent,
     .expect = "an agent id: 3 to 63 of a-z 0-9 -"},
};

/* null takes the given labels away. */
const struct json_field agent_patch_rows[2] = {
    {.name = "status", JSON_STRING_AT(struct agent_patch_body, status), .values = agent_statuses},
    {.name = "labels", JSON_JSON_AT(struct agent_patch_body, labels), .check = check_object},
};

/* Quantities: agents may send them as numbers too; agents.c reads them. */
static const struct json_field capacity_rows[] = {
    {.name = "maxSessions", JSON_INT_AT(struct capacity_body, max_sessions), .min = 0, .max = 100000},
    {.name = "cpu", JSON_JSON_AT(struct capacity_body, cpu)},
    {.name = "memory", JSON_JSON_AT(struct capacity_body, memory)},
};

const struct json_field register_rows[6] = {
    {.name = "agentId",
     JSON_STRING_AT(struct register_body, agent_id),
     .flags = JSON_REQUIRED,
     .max = AGENT_ID_MAX,
     .valid = id_is_agent,
     .expect = "an agent id: 3 to 63 of a-z 0-9 -"},
    {.name = "platform",
     JSON_STRING_AT(struct register_body, platform),
     .flags = JSON_REQUIRED,
     .values = platforms},
    {.name = "region", JSON_STRING_AT(struct register_body, region), .max = 63},
    {.name = "capacity", JSON_OBJECT_AT(struct register_body, capacity, capacity_rows)},
    {.name = "labels", JSON_MAP_AT(struct register_body, labels), .max = 64, .item_max = 256},
    {.name = "metadata", JSON_JSON_AT(struct register_body, metadata)},
};

const struct json_field group_rows[3] = {
    {.name = "name",
     JSON_STRING_AT(struct group_body, name),
     .flags = JSON_REQUIRED,
     .max = GROUP_NAME_MAX,
     .valid = group_name_is_good,
     .expect = "1 to 63 of a-z 0-9 . _ -, beginning with a letter or digit"},
    {.name = "displayName", JSON_STRING_AT(struct group_body, display_name), .max = GROUP_DISPLAY_NAME_MAX},
    {.name = "description", JSON_STRING_AT(struct group_body, description), .max = GROUP_DESCRIPTION_MAX},
};

const struct json_field group_patch_rows[2] = {
    {.name = "displayName",
     JSON_STRING_AT(struct group_patch_body, display_name),
     .present = JSON_PRESENT(struct group_patch_body, has_display_name),
     .flags = JSON_NULLABLE,
     .max = GROUP_DISPLAY_NAME_MAX},
    {.name = "description",
     JSON_STRING_AT(struct group_patch_body, description),
     .present = JSON_PRESENT(struct group_patch_body, has_description),
     .flags = JSON_NULLABLE,
     .max = GROUP_DESCRIPTION_MAX},
};

const struct json_field member_rows[2] = {
    {.name = "username",
     JSON_STRING_AT(struct member_body, username),
     .flags = JSON_REQUIRED,
     .max = USERNAME_MAX,
     .valid = id_is_username,
     .expect = "a username"},
    {.name = "role", JSON_STRING_AT(struct member_body, role), .values = member_roles},
};

const struct json_field member_patch_rows[1] = {
    {.name = "role",
     JSON_STRING_AT(struct member_patch_body, role),
     .flags = JSON_REQUIRED,
     .values = member_roles},
};

/* An integer that null must not turn into 0. */
static int check_max_sessions(const void *member, struct err *err) {
    const json_t *value = *(json_t *const *)member;
    if (!value || json_is_null(value) ||
        (json_is_integer(value) && json_integer_value(value) >= 0 &&
         json_integer_value(value) <= QUOTA_SESSIONS_MAX))
        return 0;
    return err_set_field(err, ERR_INVALID, "invalid_field", "maxSessions",
                         "must be a whole number from 0 to %d, or null", QUOTA_SESSIONS_MAX);
}

/* null, or not given: no limit. */
const struct json_field quota_rows[4] = {
    {.name = "maxSessions", JSON_JSON_AT(struct quota_body, max_sessions), .check = check_max_sessions},
    {.name = "maxCpu",
     JSON_STRING_AT(struct quota_body, max_cpu),
     .flags = JSON_NULLABLE,
     .max = 32,
     .valid = is_cpu_limit,
     .expect = "a number of cores such as 500m or 8"},
    {.name = "maxMemory",
     JSON_STRING_AT(struct quota_body, max_memory),
     .flags = JSON_NULLABLE,
     .max = 32,
     .valid = is_bytes_limit,
     .expect = "a size such as 512Mi or 16Gi"},
    {.name = "maxStorage",
     JSON_STRING_AT(struct quota_body, max_storage),
     .flags = JSON_NULLABLE,
     .max = 32,
     .valid = is_bytes_limit,
     .expect = "a size such as 10Gi"},
};

const struct json_field settings_rows[1] = {
    {.name = "*", JSON_REST_AT(struct settings_body, values)},
};
