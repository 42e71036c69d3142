/* Settings of the server: one table (settings_table.c) from which flags, variables, the file of --config, the
 * rows in the database, --help, the manual page, docs/settings.md and GET /settings are made.
 *
 * A setting has one name, "session-start-expires": it is the flag --session-start-expires, the variable
 * STREAMSPACE_SESSION_START_EXPIRES and the key in the file. The first of these that gives a value wins:
 *     flag, variable, file ("pinned": for this process's life), database (SETTING_STORED alone), default.
 *
 * What a process was told when it started is pinned before threads begin and is the process's own. What may
 * be stored is the same for all replicas: setting_get() reads it through a connection and is always right;
 * setting_now() reads this process's copy, which follows changes by notification within moments.
 *
 * A new setting is a row in the enumeration here and one in the table; nothing else needs to know.
 */
#ifndef SS_CONTROL_SETTINGS_H
#define SS_CONTROL_SETTINGS_H

#include "base/err.h"
#include "control/settings/steady.h"
#include "db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting {
    /* told at start */
    SETTING_CONFIG,
    SETTING_LISTEN,
    SETTING_PUBLIC_URL,
    SETTING_ADVERTISE,
    SETTING_THREADS,
    SETTING_TLS_CERT,
    SETTING_TLS_KEY,
    SETTING_TRUSTED_PROXIES,
    SETTING_PROXY_HEADERS,
    SETTING_CONNECTIONS_MAX,
    SETTING_CONNECTIONS_PER_ADDRESS,
    SETTING_HEADER_TIMEOUT,
    SETTING_BODY_TIMEOUT,
    SETTING_KEEPALIVE_TIMEOUT,
    SETTING_SHUTDOWN_DELAY,
    SETTING_DRAIN_TIMEOUT,
    SETTING_DATA_DIR,
    SETTING_DATABASE,
    SETTING_DATABASE_CONNECTIONS,
    SETTING_DATABASE_TIMEOUT,
    SETTING_DATABASE_WAIT,
    SETTING_READY_AGENT,
    SETTING_FIRST_ADMIN, /* "setup", "generate" */
    SETTING_ADMIN_PASSWORD,
    SETTING_SECRET_KEY,
    SETTING_JWT_SECRET,
    SETTING_AGENT_BOOTSTRAP_KEY,
    SETTING_CA_FILE,
    /* the identity provider */
    SETTING_OIDC_ISSUER,
    SETTING_OIDC_NAME,
    SETTING_OIDC_CLIENT_ID,
    SETTING_OIDC_CLIENT_SECRET,
    SETTING_OIDC_SCOPES,
    SETTING_OIDC_USERNAME_CLAIM,
    SETTING_OIDC_GROUPS_CLAIM,
    SETTING_OIDC_ADMIN_GROUP,
    SETTING_OIDC_OPERATOR_GROUP,
    SETTING_OIDC_CREATE_USERS,
    SETTING_OIDC_LINK_BY_NAME,
    /* logs */
    SETTING_LOG_LEVEL,
    SETTING_LOG_FORMAT,
    /* sessions and commands */
    SETTING_START_EXPIRES,  /* seconds: an undelivered start fails after this */
    SETTING_START_DEADLINE, /* seconds that an agent has for a start, from its first delivery */
    SETTING_STOP_DEADLINE,  /* seconds for a stop */
    SETTING_ACK_DEADLINE,   /* seconds that an agent has to acknowledge */
    SETTING_RETRY_MAX,      /* seconds: the longest back-off */
    SETTING_START_ATTEMPTS, /* a start that fails "retryable" is tried this often */
    SETTING_ORPHAN_GRACE,   /* seconds between first sight and stop */
    SETTING_LOGIN_ATTEMPTS, /* failed sign-ins of an account before it has to wait */
    SETTING_LOGIN_PAUSE,    /* seconds after which one more is allowed */
    SETTING_SHARE_LINKS,    /* "anyone", "users", "off" */
    /* what is kept */
    SETTING_HISTORY_DAYS,       /* ended sessions and commands stay readable */
    SETTING_KEY_ROTATION_DAYS,  /* a signing key signs for so long; 0: until told otherwise */
    SETTING_AUDIT_DAYS,         /* audit rows stay */
    SETTING_AUDIT_REFUSED_RATE, /* rows a minute that refused attempts may write */
    SETTINGS
};

enum setting_type {
    SETTING_TEXT,
    SETTING_INTEGER,
    SETTING_BOOLEAN,
    SETTING_CHOICE,
    SETTING_DURATION, /* "30m"; the number is in seconds */
    SETTING_QUANTITY, /* "64Mi"; the number is in bytes */
};
const char *setting_type_name(enum setting_type type);

enum {
    SETTING_STORED = 1 << 0,  /* administrators may change it (in the database); takes effect at once … */
    SETTING_RESTART = 1 << 1, /* … or when servers are started again */
    SETTING_SECRET = 1 << 2,  /* by variable or file alone, and never shown */
    SETTING_NOT_UNDER_UP = 1 << 3, /* for `streamspace server` alone */
};

#define SETTING_TEXT_MAX 1024 /* bytes of a value */
#define SETTING_VARIABLE_SIZE 80

struct setting_row {
    const char *name;
    enum setting_type type;
    unsigned flags;
    const char *preset;              /* default as text; NULL: none */
    int64_t min, max;                /* of the number: seconds, bytes */
    const char *choices;             /* "anyone|users|off" */
    bool (*valid)(const char *text); /* texts: further condition, or NULL */
    const char *expect;              /* what `valid` wants: "an address such as 127.0.0.1:8000" */
    const char *group;               /* heading in help, docs and page */
    const char *metavar;             /* "FILE" */
    const char *variable;            /* another name than the one that follows from `name`; NULL */
    const char *help;                /* a part of a sentence, without full stop */
};
extern const struct setting_row setting_table[SETTINGS];

/* The row of this name (length bytes). */
bool setting_find(const char *name, size_t length, enum setting *ret);
/* "STREAMSPACE_LOG_LEVEL"; `text` has SETTING_VARIABLE_SIZE bytes. Returns a text that lives as long as it.
 */
const char *setting_variable(enum setting setting, char *text);
/* Is this a value that the row takes? *ret (may be NULL) is its number (0 for texts; 0/1 for booleans; the
 * index of a choice). ERR_INVALID "invalid_field" naming the row otherwise. */
int setting_check(enum setting setting, const char *text, int64_t *ret, struct err *err);

/* --- told at start: before threads begin --- */

enum setting_source {
    SETTING_FROM_DEFAULT,
    SETTING_FROM_DATABASE,
    SETTING_FROM_FILE,
    SETTING_FROM_VARIABLE,
    SETTING_FROM_FLAG,
};
const char *setting_source_name(enum setting_source source);

/* Checks and keeps a copy. NULL takes a pin away (tests). */
int setting_pin(enum setting setting, const char *text, enum setting_source source, struct err *err);
/* SETTING_FROM_DEFAULT when nothing was given. */
enum setting_source setting_pinned(enum setting setting);
/* What this process was told, else the default: for settings that are not stored, and before the database is
 * open. The text is NULL when there is none, and lives as long as the process. */
const char *setting_start_text(enum setting setting);
int64_t setting_start_number(enum setting setting);

/* --- in force --- */

/* Pinned, else the row in the database, else the default. */
int setting_get(struct db_conn *conn, enum setting setting, int64_t *ret, struct err *err);
/* The same as text: "" where there is none. `text` has SETTING_TEXT_MAX bytes. `ret_source` may be NULL. */
int setting_get_text(struct db_conn *conn, enum setting setting, char *text, enum setting_source *ret_source,
                     struct err *err);

/* This process's copy; the default before the first settings_refresh(). From any thread, at no cost. */
int64_t setting_now(enum setting setting);
/* Reads all rows into the copy: at start, and whenever SETTINGS_CHANNEL speaks. */
int settings_refresh(struct db_conn *conn, struct err *err);
#define SETTINGS_CHANNEL "settings"

/* A value as people may see it: passwords inside URLs are masked. Owned by the caller. */
char *setting_shown(const char *text);

/* --- changing: SETTING_STORED rows --- */

/* Changes several at once, or none, in a transaction of its own with a row in the audit log for each. `text`
 * NULL: back to the default. Errors as setting_put(). */
struct setting_change {
    enum setting setting;
    const char *text; /* borrowed */
};
struct actor;
int settings_change(struct db_conn *conn, const struct actor *actor, const struct setting_change *changes,
                    size_t count, struct err *err);

/* Inside the caller's transaction (or alone). NULL: back to the default. Listeners of SETTINGS_CHANNEL are
 * told after the commit. ERR_INVALID for values and rows that cannot be stored; ERR_CONFLICT "setting_pinned"
 * when a flag, a variable or the file gives the value here. */
int setting_put(struct db_conn *conn, enum setting setting, const char *text, struct err *err);
/* The same with a number (seconds, bytes). */
int setting_set(struct db_conn *conn, enum setting setting, int64_t value, struct err *err);

#endif
