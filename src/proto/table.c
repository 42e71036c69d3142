/* The table of messages: the one place that knows the fields. */
#include "proto/proto.h"

#include <limits.h>
#include <stddef.h>

#define TEXT(s, member, json, ...)                                                                           \
    {                                                                                                        \
        .name = json, .kind = PROTO_TEXT, .offset = offsetof(struct s, member),                              \
        .size = sizeof(((struct s *)0)->member), __VA_ARGS__                                                 \
    }
#define FIELD(s, member, json, of_kind, ...)                                                                 \
    { .name = json, .kind = of_kind, .offset = offsetof(struct s, member), __VA_ARGS__ }
#define INT(s, member, json, low, high, ...)                                                                 \
    FIELD(s, member, json, PROTO_INT, .min = (low), .max = (high), __VA_ARGS__)
#define LIST(s, member, counter, json, element, of, ...)                                                     \
    FIELD(s, member, json, PROTO_LIST, .size = sizeof(struct element), .fields = of,                         \
          .count_offset = offsetof(struct s, counter), __VA_ARGS__)
#define END                                                                                                  \
    { .name = NULL }

#define ATTEMPT(s) INT(s, attempt, "attempt", 1, PROTO_ATTEMPT_MAX, .flags = PROTO_REQUIRED)
#define COMMAND_ID(s) TEXT(s, command_id, "commandId", .flags = PROTO_REQUIRED, .check = id_is_command)
#define SESSION_ID(s) TEXT(s, session_id, "sessionId", .flags = PROTO_REQUIRED, .check = id_is_session)
#define STREAM_ID(s) TEXT(s, stream_id, "streamId", .flags = PROTO_REQUIRED, .check = is_stream_id)

/* States, actions and kinds: words of lower-case letters and '_'. */
static bool is_word(const char *text) {
    if (!*text)
        return false;
    for (; *text; text++)
        if ((*text < 'a' || *text > 'z') && *text != '_')
            return false;
    return true;
}

/* Instance ids, versions, nonces: printable ASCII without blanks, so that logs and rows stay readable. */
static bool is_token(const char *text) {
    if (!*text)
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static bool is_stream_id(const char *text) {
    return id_is_hex(text, PROTO_STREAM_ID_SIZE - 1);
}

static bool is_path(const char *text) {
    return text[0] == '/' && is_token(text);
}

static const struct proto_field session_fields[] = {
    SESSION_ID(proto_session),
    TEXT(proto_session, state, "state", .flags = PROTO_REQUIRED, .check = is_word),
    END,
};

static const struct proto_field open_command_fields[] = {
    COMMAND_ID(proto_open_command),
    ATTEMPT(proto_open_command),
    TEXT(proto_open_command, state, "state", .flags = PROTO_REQUIRED, .check = is_word),
    END,
};

static const struct proto_field capacity_fields[] = {
    INT(proto_capacity, max_sessions, "maxSessions", 0, 1000000),
    FIELD(proto_capacity, cpu_millis, "cpu", PROTO_CPU),
    FIELD(proto_capacity, memory_bytes, "memory", PROTO_BYTES),
    END,
};

static const struct proto_field load_fields[] = {
    FIELD(proto_load, cpu, "cpu", PROTO_NUMBER),
    FIELD(proto_load, memory, "memory", PROTO_NUMBER),
    END,
};

static const struct proto_field usage_fields[] = {
    FIELD(proto_usage, cpu_millis, "cpu", PROTO_CPU),
    FIELD(proto_usage, memory_bytes, "memory", PROTO_BYTES),
    END,
};

static const struct proto_field hello_fields[] = {
    INT(proto_hello, protocol_version, "protocolVersion", 1, INT_MAX, .flags = PROTO_REQUIRED),
    TEXT(proto_hello, agent_version, "agentVersion", .flags = PROTO_CUT | PROTO_OMIT_EMPTY),
    TEXT(proto_hello, instance_id, "instanceId", .flags = PROTO_REQUIRED, .check = is_token),
    TEXT(proto_hello, runtime, "runtime", .flags = PROTO_CUT | PROTO_OMIT_EMPTY),
    FIELD(proto_hello, capabilities, "capabilities", PROTO_TEXTS),
    INT(proto_hello, heartbeat_seconds, "heartbeatSeconds", 0, INT_MAX, .flags = PROTO_OMIT_EMPTY),
    LIST(proto_hello, inventory, inventory_count, "inventory", proto_session, session_fields),
    LIST(proto_hello, open_commands, open_command_count, "openCommands", proto_open_command,
         open_command_fields),
    LIST(proto_hello, open_commands, open_command_count, "commands", proto_open_command, open_command_fields,
         .flags = PROTO_READ_ONLY),
    END,
};

static const struct proto_field welcome_fields[] = {
    INT(proto_welcome, protocol_version, "protocolVersion", 1, INT_MAX, .flags = PROTO_REQUIRED),
    TEXT(proto_welcome, replica_id, "replicaId", .flags = PROTO_CUT),
    INT(proto_welcome, heartbeat_seconds, "heartbeatSeconds", PROTO_HEARTBEAT_MIN, PROTO_HEARTBEAT_MAX,
        .flags = PROTO_REQUIRED),
    INT(proto_welcome, generation, "generation", 0, INT64_MAX, .flags = PROTO_REQUIRED),
    LIST(proto_welcome, wanted, wanted_count, "wanted", proto_session, session_fields),
    FIELD(proto_welcome, programs, "programs", PROTO_TEXTS),
    END,
};

static const struct proto_field heartbeat_fields[] = {
    TEXT(proto_heartbeat, status, "status", .flags = PROTO_REQUIRED, .check = is_word),
    INT(proto_heartbeat, active_sessions, "activeSessions", 0, 1000000),
    FIELD(proto_heartbeat, capacity, "capacity", PROTO_OBJECT, .fields = capacity_fields,
          .size = sizeof(struct proto_capacity), .flags = PROTO_OMIT_EMPTY),
    FIELD(proto_heartbeat, load, "load", PROTO_OBJECT, .fields = load_fields,
          .size = sizeof(struct proto_load)),
    FIELD(proto_heartbeat, missing, "missing", PROTO_JSON, .flags = PROTO_OMIT_EMPTY),
    END,
};

static const struct proto_field ping_fields[] = {
    TEXT(proto_ping, nonce, "nonce", .flags = PROTO_OMIT_EMPTY),
    END,
};

static const struct proto_field command_fields[] = {
    COMMAND_ID(proto_command),
    TEXT(proto_command, action, "action", .flags = PROTO_REQUIRED, .check = is_word),
    ATTEMPT(proto_command),
    INT(proto_command, deadline_seconds, "deadlineSeconds", 0, INT_MAX, .flags = PROTO_OMIT_EMPTY),
    FIELD(proto_command, payload, "payload", PROTO_JSON),
    END,
};

static const struct proto_field ack_fields[] = {
    COMMAND_ID(proto_ack),
    ATTEMPT(proto_ack),
    END,
};

static const struct proto_field complete_fields[] = {
    COMMAND_ID(proto_complete),
    ATTEMPT(proto_complete),
    FIELD(proto_complete, result, "result", PROTO_JSON),
    END,
};

static const struct proto_field failed_fields[] = {
    COMMAND_ID(proto_failed),
    ATTEMPT(proto_failed),
    TEXT(proto_failed, error, "error", .flags = PROTO_CUT),
    FIELD(proto_failed, retryable, "retryable", PROTO_BOOL),
    END,
};

static const struct proto_field status_fields[] = {
    SESSION_ID(proto_status),
    TEXT(proto_status, state, "state", .flags = PROTO_REQUIRED, .check = is_word),
    TEXT(proto_status, reason, "reason", .flags = PROTO_CUT | PROTO_OMIT_EMPTY),
    FIELD(proto_status, vnc_ready, "vncReady", PROTO_BOOL),
    INT(proto_status, port, "port", 0, 65535, .flags = PROTO_OMIT_EMPTY),
    FIELD(proto_status, platform_metadata, "platformMetadata", PROTO_JSON, .flags = PROTO_OMIT_EMPTY),
    FIELD(proto_status, usage, "usage", PROTO_OBJECT, .fields = usage_fields,
          .size = sizeof(struct proto_usage), .flags = PROTO_OMIT_EMPTY),
    END,
};

static const struct proto_field stream_open_fields[] = {
    STREAM_ID(proto_stream_open),
    SESSION_ID(proto_stream_open),
    TEXT(proto_stream_open, path, "path", .flags = PROTO_REQUIRED, .check = is_path),
    TEXT(proto_stream_open, token, "token", .flags = PROTO_REQUIRED, .check = is_token),
    TEXT(proto_stream_open, kind, "kind", .flags = PROTO_REQUIRED, .check = is_word),
    FIELD(proto_stream_open, follow, "follow", PROTO_BOOL, .flags = PROTO_OMIT_EMPTY),
    END,
};

static const struct proto_field stream_error_fields[] = {
    STREAM_ID(proto_stream_error),
    TEXT(proto_stream_error, error, "error", .flags = PROTO_CUT),
    END,
};

static const struct proto_field shutdown_fields[] = {
    TEXT(proto_shutdown, reason, "reason", .flags = PROTO_CUT),
    END,
};

const struct proto_row proto_table[] = {
    {PROTO_HELLO, "hello", PROTO_AGENT, hello_fields},
    {PROTO_WELCOME, "welcome", PROTO_CONTROL, welcome_fields},
    {PROTO_HEARTBEAT, "heartbeat", PROTO_AGENT, heartbeat_fields},
    {PROTO_PING, "ping", PROTO_CONTROL, ping_fields},
    {PROTO_PONG, "pong", PROTO_AGENT, ping_fields},
    {PROTO_COMMAND, "command", PROTO_CONTROL, command_fields},
    {PROTO_ACK, "ack", PROTO_AGENT, ack_fields},
    {PROTO_COMPLETE, "complete", PROTO_AGENT, complete_fields},
    {PROTO_FAILED, "failed", PROTO_AGENT, failed_fields},
    {PROTO_STATUS, "status", PROTO_AGENT, status_fields},
    {PROTO_STREAM_OPEN, "stream_open", PROTO_CONTROL, stream_open_fields},
    {PROTO_STREAM_ERROR, "stream_error", PROTO_AGENT, stream_error_fields},
    {PROTO_SHUTDOWN, "shutdown", PROTO_CONTROL, shutdown_fields},
};

_Static_assert(sizeof proto_table / sizeof proto_table[0] == PROTO_TYPES - 1, "a row for every type");

const char *proto_type_name(enum proto_type type) {
    return type > PROTO_UNKNOWN && type < PROTO_TYPES ? proto_table[type - 1].name : "unknown";
}

unsigned proto_type_senders(enum proto_type type) {
    return type > PROTO_UNKNOWN && type < PROTO_TYPES ? proto_table[type - 1].senders : 0;
}
