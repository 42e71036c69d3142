#include "base/clock.h"
#include "base/str.h"
#include "control/settings/settings.h"

#include <stdatomic.h>

/* What setting_now() tells. */
static struct {
    _Atomic int64_t number;
    _Atomic bool known;
} copies[SETTINGS];

int setting_get_text(struct db_conn *conn, enum setting setting, char *text, enum setting_source *ret_source,
                     struct err *err) {
    const struct setting_row *row = &setting_table[setting];
    const char *told = setting_start_text(setting);
    enum setting_source source = setting_pinned(setting);
    str_copy(text, SETTING_TEXT_MAX, told ? told : "");
    if (source == SETTING_FROM_DEFAULT && row->flags & SETTING_STORED) {
        _cleanup_rows_ struct db_rows *rows = NULL;
        int status = db_row(conn, &rows, err, "SELECT value FROM settings WHERE name = $1", "s", row->name);
        if (status < 0)
            return -1;
        /* A row that somebody wrote by hand and that makes no sense counts as none. */
        if (status > 0 && db_text(rows, 0) && setting_check(setting, db_text(rows, 0), NULL, NULL) == 0) {
            db_copy(rows, 0, text, SETTING_TEXT_MAX);
            source = SETTING_FROM_DATABASE;
        }
    }
    if (ret_source)
        *ret_source = source;
    return 0;
}

int setting_get(struct db_conn *conn, enum setting setting, int64_t *ret, struct err *err) {
    char text[SETTING_TEXT_MAX];
    if (setting_get_text(conn, setting, text, NULL, err) < 0)
        return -1;
    *ret = 0;
    return *text ? setting_check(setting, text, ret, err) : 0;
}

int setting_put(struct db_conn *conn, enum setting setting, const char *text, struct err *err) {
    const struct setting_row *row = &setting_table[setting];
    if (!(row->flags & SETTING_STORED))
        return err_set_field(err, ERR_INVALID, "setting_not_stored", row->name,
                             "is given by flag, variable or file and cannot be changed here");
    if (setting_pinned(setting) != SETTING_FROM_DEFAULT)
        return err_set_field(err, ERR_CONFLICT, "setting_pinned", row->name,
                             "is given by a %s, which comes before what is stored",
                             setting_source_name(setting_pinned(setting)));
    if (text && setting_check(setting, text, NULL, err) < 0)
        return -1;
    char now[TIME_TEXT_SIZE];
    int status = text ? db_now(conn, now, err)
                      : db_exec(conn, NULL, err, "DELETE FROM settings WHERE name = $1", "s", row->name);
    if (status == 0 && text)
        status = db_exec(
            conn, NULL, err,
            "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
            "sss", row->name, text, now);
    return status < 0 ? -1 : db_notify(conn, SETTINGS_CHANNEL, row->name, err);
}

int64_t setting_now(enum setting setting) {
    if (atomic_load_explicit(&copies[setting].known, memory_order_acquire))
        return atomic_load_explicit(&copies[setting].number, memory_order_relaxed);
    return setting_start_number(setting);
}

int settings_refresh(struct db_conn *conn, struct err *err) {
    int64_t numbers[SETTINGS];
    for (int i = 0; i < SETTINGS; i++)
        numbers[i] = setting_start_number((enum setting)i);
    _cleanup_rows_ struct db_rows *rows = NULL;
    int status = db_query(conn, &rows, err, "SELECT name, value FROM settings", "");
    while (status >= 0 && (status = db_next(rows, err)) > 0) {
        enum setting setting;
        const char *name = db_text(rows, 0), *value = db_text(rows, 1);
        if (setting_find(name, strlen(name), &setting) && setting_table[setting].flags & SETTING_STORED &&
            setting_pinned(setting) == SETTING_FROM_DEFAULT)
            setting_check(setting, value, &numbers[setting], NULL);
    }
    if (status < 0)
        return -1;
    for (int i = 0; i < SETTINGS; i++) {
        atomic_store_explicit(&copies[i].number, numbers[i], memory_order_relaxed);
        atomic_store_explicit(&copies[i].known, true, memory_order_release);
    }
    return 0;
}
