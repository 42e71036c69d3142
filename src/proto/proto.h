/* The messages between control plane and agent: one table, plain structs, decode and encode.
 *
 * A message is one WebSocket text frame: {"type", "timestamp", "payload": {…}}. The table (proto_table) says
 * for every type who sends it and which fields its payload has; decoder, encoder, tests and documentation are
 * made from it. Nothing here does I/O.
 *
 * Forward compatibility: an unknown type decodes as PROTO_UNKNOWN, unknown fields are skipped; both are
 * counted in `ignored`. Elements of lists that are malformed are left out and counted too: one bad entry
 * never stops the rest.
 */
#ifndef SS_PROTO_PROTO_H
#define SS_PROTO_PROTO_H

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define PROTO_VERSION 1
#define PROTO_MESSAGE_MAX (512 * 1024) /* bytes of one frame */
#define PROTO_LIST_MAX 4096            /* elements of a list; more are left out and counted */
#define PROTO_TEXTS_MAX 512            /* elements of a list of texts; as above */
#define PROTO_TEXTS_BYTES 255          /* of one of them; as above */
#define PROTO_HEARTBEAT_MIN 1          /* seconds */
#define PROTO_HEARTBEAT_DEFAULT 8
#define PROTO_HEARTBEAT_MAX 20
#define PROTO_ATTEMPT_MAX 1000000

#define PROTO_STATE_SIZE 32     /* session, command and agent states */
#define PROTO_NAME_SIZE 65      /* versions, runtimes, instance ids, replica ids, nonces, actions */
#define PROTO_STREAM_ID_SIZE 33 /* 32 hex digits */
#define PROTO_PATH_SIZE 256
#define PROTO_TOKEN_SIZE 129
#define PROTO_REASON_SIZE 512 /* texts for people: longer ones are cut at a character */

/* Close codes of the control channel. */
enum {
    PROTO_CLOSE_NOT_JSON = 1007, /* the frame is not JSON in UTF-8 */
    PROTO_CLOSE_POLICY = 1008,   /* it is no message, a field has the wrong type, or it came out of turn */
    PROTO_CLOSE_REPLACED = 4001, /* a newer connection of the same instance took over */
    PROTO_CLOSE_REFUSED = 4009,  /* another instance of this agent id is alive: come back after 30 s */
};

enum proto_type {
    PROTO_UNKNOWN, /* or sent by the wrong side */
    PROTO_HELLO,
    PROTO_WELCOME,
    PROTO_HEARTBEAT,
    PROTO_PING,
    PROTO_PONG,
    PROTO_COMMAND,
    PROTO_ACK,
    PROTO_COMPLETE,
    PROTO_FAILED,
    PROTO_STATUS,
    PROTO_STREAM_OPEN,
    PROTO_STREAM_ERROR,
    PROTO_SHUTDOWN,
    PROTO_TYPES
};

enum proto_sender { PROTO_AGENT = 1, PROTO_CONTROL = 2 };

/* An entry of `inventory` (what the agent runs) or `wanted` (what the control plane wants of it). `state` is
 * a session state: "starting", "running", "hibernated" … */
struct proto_session {
    char session_id[SESSION_NAME_MAX + 1];
    char state[PROTO_STATE_SIZE];
};

/* A journalled command of which the control plane may not know the end. `state`: "accepted" (being done),
 * "completed" or "failed" (the outcome is recorded and is repeated when the command is sent again). */
struct proto_open_command {
    char command_id[COMMAND_ID_MAX + 1];
    int64_t attempt;
    char state[PROTO_STATE_SIZE];
};

/* The first message of an agent. Counts are numbers of elements of owned arrays. */
struct proto_hello {
    int64_t protocol_version; /* required */
    char agent_version[PROTO_NAME_SIZE];
    char instance_id[PROTO_NAME_SIZE]; /* required: random, lives in the state directory */
    char runtime[PROTO_NAME_SIZE];     /* "local" … */
    struct strv capabilities;          /* "freeze", "logs" … */
    int64_t heartbeat_seconds;         /* proposed; 0: no wish. Brought into bounds by the control plane */
    struct proto_session *inventory;
    size_t inventory_count;
    struct proto_open_command *open_commands; /* JSON "openCommands"; "commands" is read as well */
    size_t open_command_count;
};

/* The answer to hello. */
struct proto_welcome {
    int64_t protocol_version;
    char replica_id[PROTO_NAME_SIZE];
    int64_t heartbeat_seconds; /* confirmed */
    int64_t generation;        /* of this connection */
    struct proto_session *wanted;
    size_t wanted_count;
    struct strv programs; /* what templates run: the agent says in heartbeats which of them are missing */
};

struct proto_capacity {
    int64_t max_sessions;
    int64_t cpu_millis;   /* JSON: quantity, "8000m" or "8" */
    int64_t memory_bytes; /* JSON: quantity, "16Gi" */
};

struct proto_load {
    double cpu;    /* share of the machine's processors in use, 0 … 1 */
    double memory; /* share of its memory in use, 0 … 1 */
};

struct proto_heartbeat {
    char status[PROTO_STATE_SIZE]; /* "online" or "draining" */
    int64_t active_sessions;
    struct proto_capacity capacity; /* all 0: unchanged */
    struct proto_load load;
    json_t *missing; /* object, owned, or NULL (unchanged): program -> reason ("install gimp"), of those in
                        `programs` */
};

/* ping and pong; the pong repeats the nonce. */
struct proto_ping {
    char nonce[PROTO_NAME_SIZE];
};

struct proto_command {
    char command_id[COMMAND_ID_MAX + 1];
    char action[PROTO_NAME_SIZE]; /* "start_session", "stop_session", "hibernate_session", "wake_session" */
    int64_t attempt;              /* from 1; key of the journal together with command_id */
    int64_t deadline_seconds;     /* left of the time to do it in, from now; 0: without limit */
    json_t *payload;              /* object, owned */
};

/* Journalled on the agent's disk: will be executed once. */
struct proto_ack {
    char command_id[COMMAND_ID_MAX + 1];
    int64_t attempt;
};

struct proto_complete {
    char command_id[COMMAND_ID_MAX + 1];
    int64_t attempt;
    json_t *result; /* object, owned; NULL: {} */
};

struct proto_failed {
    char command_id[COMMAND_ID_MAX + 1];
    int64_t attempt;
    char error[PROTO_REASON_SIZE]; /* for people */
    bool retryable;                /* true: may be sent again as a higher attempt */
};

struct proto_usage {
    int64_t cpu_millis;   /* in use, thousandths of a core; JSON: quantity */
    int64_t memory_bytes; /* in use; JSON: quantity */
};

/* What a session is doing. While it starts, state is "starting" and `reason` names the stage, for people
 * ("preparing sandbox"). With `state` "running" it also carries usage from time to time (0, 0: not measured).
 */
struct proto_status {
    char session_id[SESSION_NAME_MAX + 1];
    char state[PROTO_STATE_SIZE];
    char reason[PROTO_REASON_SIZE];
    bool vnc_ready;            /* the display answers RFB */
    int64_t port;              /* where the session's port can be reached, or 0 */
    json_t *platform_metadata; /* object, owned, or NULL */
    struct proto_usage usage;
};

/* Dial the control plane at `path` for a stream of this session, with the token as Bearer. */
struct proto_stream_open {
    char stream_id[PROTO_STREAM_ID_SIZE]; /* 32 hex digits */
    char session_id[SESSION_NAME_MAX + 1];
    char path[PROTO_PATH_SIZE]; /* "/api/v1/agents/streams/{streamId}" */
    char token[PROTO_TOKEN_SIZE];
    char kind[PROTO_STATE_SIZE]; /* "vnc", "http" or "log" */
    bool follow; /* of a log: pass on what comes; an agent that cannot gives what there is, and its end */
};

/* The stream cannot be had. */
struct proto_stream_error {
    char stream_id[PROTO_STREAM_ID_SIZE];
    char error[PROTO_REASON_SIZE];
};

/* The control plane goes away (reconnect, to another one if there is) or wants the agent gone. */
struct proto_shutdown {
    char reason[PROTO_REASON_SIZE];
};

struct proto_message {
    enum proto_type type;
    int64_t timestamp; /* decoded: wall-clock ms, 0 without one. Encoding stamps the present time */
    unsigned ignored;  /* decoded: unknown fields and malformed list elements left out */
    char type_text[PROTO_STATE_SIZE]; /* decoded: as it came, cut */
    union {
        struct proto_hello hello;
        struct proto_welcome welcome;
        struct proto_heartbeat heartbeat;
        struct proto_ping ping; /* PROTO_PING and PROTO_PONG */
        struct proto_command command;
        struct proto_ack ack;
        struct proto_complete complete;
        struct proto_failed failed;
        struct proto_status status;
        struct proto_stream_open stream_open;
        struct proto_stream_error stream_error;
        struct proto_shutdown shutdown;
    };
};

/* Reads a frame of `sender`'s (text and length borrowed, need not be terminated). On success `*ret` is filled
 * (finish it); its type is PROTO_UNKNOWN for a type that is not in the table or that this sender does not
 * send. -1 with ERR_INVALID: no message; proto_close_code(err) is what to close the connection with. */
int proto_decode(const char *text, size_t length, enum proto_sender sender, struct proto_message *ret,
                 struct err *err);

/* 1007 when the text was no JSON, 1008 otherwise. */
int proto_close_code(const struct err *err);

/* Appends the message as JSON (use STRBUF_MAX(PROTO_MESSAGE_MAX)). Empty optional fields are left out.
 * -1: ERR_TOO_LARGE when the buffer's limit is reached; ERR_INVALID for PROTO_UNKNOWN or text that is no
 * UTF-8. The buffer is as before then. */
int proto_encode(const struct proto_message *message, struct strbuf *buffer, struct err *err);

/* Frees what the message owns and zeroes it. Accepts the zero object. For messages to be encoded too, whose
 * json_t, strv and array members are then owned by the message (or set them to NULL before). */
void proto_message_finish(struct proto_message *message);
#define _cleanup_proto_ __attribute__((cleanup(proto_message_finish)))

/* "hello" …; "unknown" for others. Static. */
const char *proto_type_name(enum proto_type type);
/* Who sends it: bits of enum proto_sender; 0 for PROTO_UNKNOWN. */
unsigned proto_type_senders(enum proto_type type);

/* A random stream id: 32 hex digits; `id` has PROTO_STREAM_ID_SIZE bytes. Returns `id`. */
char *proto_make_stream_id(char *id);

/* --- the table, for tests and documentation --- */
enum proto_kind {
    PROTO_TEXT,   /* char[size]; refused when longer (or cut: PROTO_CUT) or when `check` says no */
    PROTO_INT,    /* int64_t in [min, max] */
    PROTO_NUMBER, /* double, finite */
    PROTO_BOOL,   /* bool */
    PROTO_CPU,    /* int64_t thousandths; JSON quantity or number of cores */
    PROTO_BYTES,  /* int64_t; JSON quantity or number */
    PROTO_JSON,   /* json_t *: any object */
    PROTO_TEXTS,  /* struct strv: list of texts */
    PROTO_OBJECT, /* a struct: `fields` */
    PROTO_LIST,   /* struct * and, at `count_offset`, size_t: list of objects with `fields`, `size` each */
};
enum {
    PROTO_REQUIRED = 1,
    PROTO_CUT = 2,
    PROTO_OMIT_EMPTY = 4,
    PROTO_READ_ONLY = 8 /* alias: never written */
};

struct proto_field {
    const char *name;
    enum proto_kind kind;
    unsigned flags;
    size_t offset; /* in the message's struct */
    size_t size;
    size_t count_offset;
    int64_t min, max;
    bool (*check)(const char *text);
    const struct proto_field *fields; /* ends with name NULL */
};
struct proto_row {
    enum proto_type type;
    const char *name;
    unsigned senders;
    const struct proto_field *fields; /* ends with name NULL */
};
/* PROTO_TYPES - 1 rows, ordered by type from PROTO_HELLO on. */
extern const struct proto_row proto_table[];

#endif
