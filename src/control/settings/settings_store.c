#include "control/settings/settings.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/str.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

const struct setting_row setting_table[SETTINGS] = {
    [SETTING_START_EXPIRES] = {"session.startExpires", 300, 1, 86400,
                               "seconds until an undelivered start fails"},
    [SETTING_START_DEADLINE] = {"session.startDeadline", 60, 1, 3600,
                                "seconds that an agent has for a start"},
    [SETTING_STOP_DEADLINE] = {"session.stopDeadline", 60, 1, 3600, "seconds that an agent has for a stop"},
    [SETTING_ACK_DEADLINE] = {"command.ackDeadline", 10, 1, 300, "seconds that an agent has to acknowledge"},
    [SETTING_RETRY_MAX] = {"command.retryMax", 60, 1, 3600, "seconds: the longest pause between attempts"},
    [SETTING_START_ATTEMPTS] = {"session.startAttempts", 3, 1, 100, "how often a start is tried"},
    [SETTING_ORPHAN_GRACE] = {"agent.orphanGrace", 30, 0, 86400,
                              "seconds between the first sight of an unwanted session and its end"},
    [SETTING_HISTORY_DAYS] = {"history.days", 30, 1, 3650,
                              "days that ended sessions and commands can be read"},
    [SETTING_SESSION_MAX_PER_USER] = {"session.maxPerUser", 0, 0, 100000,
                                      "sessions that a user may have at once; 0: no limit"},
};

int setting_get(struct db_conn *conn, enum setting setting, int64_t *ret, struct err *err) {
    const struct setting_row *row = &setting_table[setting];
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT value FROM settings WHERE name = $1", "s", row->name);
    if (status < 0)
        return -1;
    /* A row that somebody wrote by hand and that makes no sense counts as none. */
    if (status == 0 || !str_to_i64(db_text(rows, 0), row->min, row->max, ret))
        *ret = row->value;
    return 0;
}

int setting_set(struct db_conn *conn, enum setting setting, int64_t value, struct err *err) {
    const struct setting_row *row = &setting_table[setting];
    if (value < row->min || value > row->max)
        return err_set_field(err, ERR_INVALID, "invalid_field", row->name, "must be from %lld to %lld",
                             (long long)row->min, (long long)row->max);
    char now[TIME_TEXT_SIZE], text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    if (db_now(conn, now, err) < 0)
        return -1;
    return db_exec(
        conn, NULL, err,
        "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
        "sss", row->name, text, now);
}

/* --- steady time --- */

static char boot_id[64];

static void read_boot_id(void) {
    char *text = NULL;
    if (file_read("/proc/sys/kernel/random/boot_id", sizeof boot_id - 1, &text, NULL, NULL) == 0) {
        text[strcspn(text, "\n")] = '\0';
        str_copy(boot_id, sizeof boot_id, text);
        free(text);
    } else
        random_hex(boot_id, 32); /* a boot that nobody recognises: only time since the last tick is lost */
}

static const char *this_boot(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_boot_id);
    return boot_id;
}

int steady_now(struct db_conn *conn, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT ms, boot_id, boot_ms FROM steady_clock WHERE id = 1", "");
    if (status < 0)
        return -1;
    *ret = 0;
    if (status == 0) /* the very first question: time begins */
        return db_exec(conn, NULL, err,
                       "INSERT INTO steady_clock (id, ms, boot_id, boot_ms) VALUES (1, 0, $1, $2) ON "
                       "CONFLICT DO NOTHING",
                       "si", this_boot(), clock_ms());
    int64_t passed = str_eq(db_text(rows, 1), this_boot()) ? clock_ms() - db_int(rows, 2) : 0;
    *ret = db_int(rows, 0) + (passed > 0 ? passed : 0);
    return 0;
}

int steady_last(struct db_conn *conn, int64_t *ret, struct err *err) {
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_row(conn, &rows, err, "SELECT ms FROM steady_clock WHERE id = 1", "");
    if (status >= 0)
        *ret = status > 0 ? db_int(rows, 0) : 0;
    return status < 0 ? -1 : 0;
}

int steady_tick(struct db_conn *conn, struct err *err) {
    int64_t now = 0;
    if (steady_now(conn, &now, err) < 0)
        return -1;
    return db_exec(conn, NULL, err,
                   "INSERT INTO steady_clock (id, ms, boot_id, boot_ms) VALUES (1, $1, $2, $3) "
                   "ON CONFLICT (id) DO UPDATE SET ms = excluded.ms, boot_id = excluded.boot_id, "
                   "boot_ms = excluded.boot_ms",
                   "isi", now, this_boot(), clock_ms());
}
