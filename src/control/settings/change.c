#include "base/cleanup.h"
#include "base/str.h"
#include "control/audit/audit.h"
#include "control/settings/settings.h"

static int change_one(struct db_conn *conn, const struct actor *actor, const struct setting_change *change,
                      struct err *err) {
    const struct setting_row *row = &setting_table[change->setting];
    char before[SETTING_TEXT_MAX], detail[AUDIT_DETAIL_MAX];
    if (setting_get_text(conn, change->setting, before, NULL, err) < 0 ||
        setting_put(conn, change->setting, change->text, err) < 0)
        return -1;
    _cleanup_free_ char *from = setting_shown(before);
    _cleanup_free_ char *to = setting_shown(change->text ? change->text : row->preset ? row->preset : "");
    snprintf(detail, sizeof detail, "from '%.200s' to '%.200s'%s", from, to,
             change->text ? "" : " (default)");
    return audit_write(conn, actor, change->text ? "setting.update" : "setting.reset", row->name,
                       AUDIT_ALLOWED, detail, err);
}

int settings_change(struct db_conn *conn, const struct actor *actor, const struct setting_change *changes,
                    size_t count, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++)
        status = change_one(conn, actor, &changes[i], err);
    return db_end(conn, status, err);
}
