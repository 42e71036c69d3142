#include "control/users/login_alive.h"

#include "control/users/login_store.h"

int login_alive(struct db_conn *conn, int64_t login_id, struct user *ret, struct err *err) {
    struct user user;
    int64_t id;
    int found = login_store_find(conn, NULL, login_id, &user, &id, NULL, err);
    if (found < 0)
        return -1;
    if (found == 0 || !user.active)
        return err_set(err, ERR_UNAUTHENTICATED, "signed_out", "the sign-in has ended");
    *ret = user;
    return 0;
}
