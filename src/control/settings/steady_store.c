#include "control/settings/steady.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/str.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

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
