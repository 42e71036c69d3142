#include "api/oidc_door.h"

#include "base/cleanup.h"
#include "control/settings/settings.h"

#include <pthread.h>

struct oidc_door {
    pthread_rwlock_t lock; /* read: somebody is inside */
    struct oidc *oidc;
    char *made_from; /* the settings that it was made from */
};

struct oidc_door *oidc_door_create(void) {
    struct oidc_door *door = mem_zalloc(sizeof *door);
    pthread_rwlock_init(&door->lock, NULL);
    return door;
}

void oidc_door_destroy(struct oidc_door *door) {
    if (!door)
        return;
    oidc_destroy(door->oidc);
    pthread_rwlock_destroy(&door->lock);
    free(door->made_from);
    free(door);
}

/* What an `auth/` client is made from, in the order of struct oidc_options. */
static const enum setting sources[] = {
    SETTING_OIDC_ISSUER, SETTING_OIDC_CLIENT_ID,      SETTING_OIDC_CLIENT_SECRET,
    SETTING_OIDC_SCOPES, SETTING_OIDC_USERNAME_CLAIM, SETTING_OIDC_GROUPS_CLAIM,
    SETTING_CA_FILE};

static int read_text(struct db_conn *conn, enum setting setting, char **ret, struct err *err) {
    char text[SETTING_TEXT_MAX];
    if (setting_get_text(conn, setting, text, NULL, err) < 0)
        return -1;
    *ret = str_dup(text);
    explicit_bzero(text, sizeof text);
    return 0;
}

static int read_flag(struct db_conn *conn, enum setting setting, bool *ret, struct err *err) {
    int64_t value = 0;
    if (setting_get(conn, setting, &value, err) < 0)
        return -1;
    *ret = value != 0;
    return 0;
}

/* Settings in force, and all of them in one text to see whether they changed. */
static int read_sources(struct db_conn *conn, struct strv *values, char **ret_all, struct err *err) {
    struct strbuf all = STRBUF_MAX(ARRAY_SIZE(sources) * (SETTING_TEXT_MAX + 1));
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        _cleanup_free_ char *value = NULL;
        if (read_text(conn, sources[i], &value, err) < 0) {
            strbuf_finish(&all);
            return -1;
        }
        strv_add(values, value);
        strbuf_printf(&all, "%s\n", value);
    }
    *ret_all = strbuf_steal(&all);
    return 0;
}

/* Under the write lock. */
static int make(struct oidc_door *door, const struct strv *values, char **all, struct err *err) {
    char *const *value = values->items;
    struct oidc_options options = {.issuer = value[0],
                                   .client_id = value[1],
                                   .client_secret = value[2],
                                   .scopes = value[3],
                                   .username_claim = value[4],
                                   .groups_claim = value[5],
                                   .ca_file = value[6]};
    struct oidc *oidc = NULL;
    if (oidc_create(&oidc, &options, err) < 0)
        return -1;
    oidc_destroy(door->oidc);
    free(door->made_from);
    door->oidc = oidc;
    door->made_from = steal_pointer(all);
    return 0;
}

/* With the lock held for reading, and `oidc` made from the settings as they are now. */
static int enter(struct oidc_door *door, struct db_conn *conn, struct err *err) {
    _cleanup_strv_ struct strv values = {0};
    _cleanup_free_ char *all = NULL;
    if (read_sources(conn, &values, &all, err) < 0)
        return -1;
    if (str_empty(values.items[0]))
        return err_set(err, ERR_NOT_FOUND, "oidc_not_configured", "no identity provider is set up here");
    pthread_rwlock_rdlock(&door->lock);
    while (!str_eq(door->made_from, all)) {
        pthread_rwlock_unlock(&door->lock);
        pthread_rwlock_wrlock(&door->lock);
        int status = str_eq(door->made_from, all) ? 0 : make(door, &values, &all, err);
        pthread_rwlock_unlock(&door->lock);
        if (status < 0)
            return -1;
        pthread_rwlock_rdlock(&door->lock);
        if (!all)
            break; /* the one that we made; if somebody made a newer one meanwhile, that serves as well */
    }
    return 0;
}

int oidc_door_enter(struct oidc_door *door, struct db_conn *conn, struct oidc_visit *ret, struct err *err) {
    struct oidc_visit visit = {0};
    if (read_text(conn, SETTING_OIDC_ISSUER, &visit.issuer, err) < 0 ||
        read_text(conn, SETTING_OIDC_ADMIN_GROUP, &visit.admin_group, err) < 0 ||
        read_text(conn, SETTING_OIDC_OPERATOR_GROUP, &visit.operator_group, err) < 0 ||
        read_flag(conn, SETTING_OIDC_CREATE_USERS, &visit.create, err) < 0 ||
        read_flag(conn, SETTING_OIDC_LINK_BY_NAME, &visit.link_by_name, err) < 0 ||
        enter(door, conn, err) < 0) {
        oidc_door_leave(&visit);
        return -1;
    }
    visit.door = door;
    visit.oidc = door->oidc;
    *ret = visit;
    return 0;
}

void oidc_door_leave(struct oidc_visit *visit) {
    if (visit->door)
        pthread_rwlock_unlock(&visit->door->lock);
    free(visit->issuer);
    free(visit->admin_group);
    free(visit->operator_group);
    *visit = (struct oidc_visit){0};
}

int oidc_door_name(struct db_conn *conn, char *name, struct err *err) {
    if (setting_get_text(conn, SETTING_OIDC_ISSUER, name, NULL, err) < 0)
        return -1;
    if (str_empty(name))
        return 0;
    return setting_get_text(conn, SETTING_OIDC_NAME, name, NULL, err) < 0 ? -1 : 1;
}
