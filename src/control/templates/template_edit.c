#include "control/templates/template_edit.h"

#include "base/cleanup.h"
#include "control/events/event.h"
#include "control/groups/group.h"
#include "control/templates/builtin.h"
#include "control/templates/template.h"
#include "control/templates/template_edit_store.h"
#include "json/fields.h"

#include <stdio.h>

#define LOCK "templates"

const char *template_action_name(enum template_action action) {
    static const char *const names[] = {
        [TEMPLATE_UNCHANGED] = "unchanged", [TEMPLATE_CREATED] = "created", [TEMPLATE_UPDATED] = "updated"};
    return names[action];
}

static bool same_set(const struct strv *a, const struct strv *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!strv_contains(b, a->items[i]))
            return false;
    return true;
}

/* What is kept from sight is not told to everybody by name. */
static int announce(struct db_conn *conn, const char *action, const char *name, bool to_everybody,
                    struct err *err) {
    _cleanup_json_ json_t *data = json_pack("{s:s, s:s}", "action", action, "name", name);
    _cleanup_free_ char *text = json_dumps(data, JSON_COMPACT);
    if (to_everybody)
        return event_write(conn, "template", EVENT_EVERYBODY, text, err);
    if (event_write(conn, "template", EVENT_OPERATORS, text, err) < 0)
        return -1;
    return event_write(conn, "template", EVENT_EVERYBODY, "{\"action\":\"changed\"}", err);
}

static bool is_open(const struct template_row *row) {
    return row->enabled && row->groups.count == 0;
}

/* Which fields differ: names only, since values may be secret. */
static void name_changes(const struct template_row *before, const struct template_row *after,
                         struct strbuf *out) {
    const char *name;
    json_t *value;
    json_object_foreach (after->spec, name, value) {
        if (!json_equal(value, json_object_get(before->spec, name)))
            strbuf_printf(out, "%s%s", out->length ? ", " : "", name);
    }
    json_object_foreach (before->spec, name, value) {
        if (!json_object_get(after->spec, name))
            strbuf_printf(out, "%s%s", out->length ? ", " : "", name);
    }
    if (before->enabled != after->enabled)
        strbuf_printf(out, "%s%s", out->length ? ", " : "", after->enabled ? "enabled" : "disabled");
    if (!same_set(&before->groups, &after->groups))
        strbuf_printf(out, "%s%s", out->length ? ", " : "", "groups");
}

static int write_row(struct db_conn *conn, const struct actor *actor, const char *name,
                     const struct template_row *before, const struct template_row *after, const char *action,
                     struct err *err) {
    char detail[512];
    struct strbuf changes = STRBUF_FIXED(detail);
    detail[0] = '\0';
    if (before->exists)
        name_changes(before, after, &changes);
    return template_store_write(conn, name, after, actor->username, err) < 0 ||
                   template_store_set_groups(conn, name, &after->groups, err) < 0 ||
                   catalogue_store_bump(conn, err) < 0 ||
                   audit_write(conn, actor, action, name, AUDIT_ALLOWED, *detail ? detail : NULL, err) < 0 ||
                   announce(conn, before->exists ? "changed" : "created", name,
                            is_open(after) && (is_open(before) || !before->exists), err) < 0
               ? -1
               : 0;
}

static int check_state(struct db_conn *conn, const struct template_draft *draft,
                       const struct template_row *row, enum template_put_mode mode, struct err *err) {
    int64_t count = 0;
    if (row->exists && mode == TEMPLATE_PUT_NEW)
        return err_set_field(err, ERR_CONFLICT, "template_exists", "name", "there is a template %s",
                             draft->name);
    if (row->exists && draft->version && draft->version != row->version)
        return err_set(
            err, ERR_CONFLICT, "template_changed",
            "the template %s has been changed meanwhile: it is version %lld now, this was made from %lld",
            draft->name, (long long)row->version, (long long)draft->version);
    if (row->exists)
        return 0;
    if (template_store_count(conn, &count, err) < 0)
        return -1;
    if (count >= TEMPLATES_MAX)
        return err_set(err, ERR_CONFLICT, "too_many_templates", "there are %d templates already",
                       TEMPLATES_MAX);
    return 0;
}

/* Only those that are added: one that was deleted since does not stand in the way of other changes. */
static int check_groups(struct db_conn *conn, const struct strv *groups, const struct strv *before,
                        struct err *err) {
    for (size_t i = 0; i < groups->count; i++) {
        struct group group;
        struct err why = {0};
        if (strv_contains(before, groups->items[i]) || group_get(conn, groups->items[i], &group, &why) == 0)
            continue;
        if (why.kind == ERR_NOT_FOUND)
            return err_set_field(err, ERR_INVALID, "unknown_group", "groups", "there is no group %s",
                                 groups->items[i]);
        err_copy(err, &why);
        return -1;
    }
    return 0;
}

static int put(struct db_conn *conn, const struct actor *actor, const struct template_draft *draft,
               enum template_put_mode mode, bool dry_run, enum template_action *ret, struct err *err) {
    _cleanup_template_row_ struct template_row before = {0};
    if (template_store_find(conn, draft->name, &before, err) < 0 ||
        check_state(conn, draft, &before, mode, err) < 0 ||
        check_groups(conn, &draft->groups, &before.groups, err) < 0)
        return -1;
    _cleanup_json_ json_t *delivered = builtin_spec_of(draft->name);
    /* Borrows the draft's parts. */
    struct template_row after = {.exists = true,
                                 .builtin = delivered && json_equal(delivered, draft->spec),
                                 .enabled = draft->enabled,
                                 .groups = draft->groups,
                                 .spec = draft->spec};
    *ret = !before.exists ? TEMPLATE_CREATED : TEMPLATE_UPDATED;
    if (before.exists && before.builtin == after.builtin && before.enabled == after.enabled &&
        same_set(&before.groups, &after.groups) && json_equal(before.spec, after.spec))
        *ret = TEMPLATE_UNCHANGED;
    if (dry_run || *ret == TEMPLATE_UNCHANGED)
        return 0;
    return write_row(conn, actor, draft->name, &before, &after,
                     before.exists ? "template.update" : "template.create", err);
}

int template_put(struct db_conn *conn, const struct actor *actor, const struct template_draft *draft,
                 enum template_put_mode mode, bool dry_run, enum template_action *ret, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    int status = db_lock(conn, LOCK, err);
    if (status == 0)
        status = put(conn, actor, draft, mode, dry_run, ret, err);
    return db_end(conn, status, err);
}

int template_import(struct db_conn *conn, const struct actor *actor, const struct template_drafts *drafts,
                    bool dry_run, enum template_action *ret, struct err *err) {
    if (db_begin(conn, err) < 0)
        return -1;
    int status = db_lock(conn, LOCK, err);
    for (size_t i = 0; i < drafts->count && status == 0; i++) {
        status = put(conn, actor, &drafts->items[i], TEMPLATE_PUT_ANY, dry_run, &ret[i], err);
        if (status < 0)
            err_wrap(err, "%s", drafts->items[i].name);
    }
    return db_end(conn, status, err);
}

static int reset(struct db_conn *conn, const struct actor *actor, const char *name,
                 const struct template_row *before, json_t *delivered, struct err *err) {
    struct template_row after = {.exists = true, .builtin = true, .enabled = true, .spec = delivered};
    if (before->builtin && is_open(before))
        return err_set(err, ERR_CONFLICT, "template_builtin",
                       "%s is built in: it can be changed or switched off, not removed", name);
    return write_row(conn, actor, name, before, &after, "template.reset", err);
}

static int delete (struct db_conn *conn, const struct actor *actor, const char *name, bool *ret_reset,
                   struct err *err) {
    int64_t live = 0;
    _cleanup_template_row_ struct template_row row = {0};
    _cleanup_json_ json_t *delivered = builtin_spec_of(name);
    if (template_store_find(conn, name, &row, err) < 0)
        return -1;
    if (!row.exists)
        return err_set(err, ERR_NOT_FOUND, "template_not_found", "there is no template %s", name);
    if ((*ret_reset = delivered != NULL))
        return reset(conn, actor, name, &row, delivered, err);
    if (template_store_live_sessions(conn, name, &live, err) < 0)
        return -1;
    if (live)
        return err_set(err, ERR_CONFLICT, "template_in_use",
                       "%lld session%s of %s %s not ended: end them first, or switch the template off",
                       (long long)live, live == 1 ? "" : "s", name, live == 1 ? "has" : "have");
    return template_store_delete(conn, name, err) < 0 || catalogue_store_bump(conn, err) < 0 ||
                   audit_write(conn, actor, "template.delete", name, AUDIT_ALLOWED, NULL, err) < 0 ||
                   announce(conn, "removed", name, is_open(&row), err) < 0
               ? -1
               : 0;
}

int template_delete(struct db_conn *conn, const struct actor *actor, const char *name, bool *ret_reset,
                    struct err *err) {
    if (!id_is_template(name))
        return err_set(err, ERR_NOT_FOUND, "template_not_found", "there is no template of such a name");
    if (db_begin(conn, err) < 0)
        return -1;
    int status = db_lock(conn, LOCK, err);
    if (status == 0)
        status = delete (conn, actor, name, ret_reset, err);
    return db_end(conn, status, err);
}
