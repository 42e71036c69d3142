#include "agent/local/session.h"

#include "base/cleanup.h"

#include <sys/eventfd.h>

void session_table_init(struct session_table *table) {
    *table = (struct session_table){0};
    pthread_mutex_init(&table->mutex, NULL);
}

static void session_free(struct session *session) {
    close_fd(session->outer);
    close_fd(session->display);
    close_fd(session->run_fd);
    close_fd(session->cancel);
    close_fd(session->user_namespace);
    close_fd(session->net_namespace);
    host_addresses_finish(&session->refused);
    record_finish(&session->record);
    free(session);
}

void session_table_finish(struct session_table *table) {
    while (table->first) {
        struct session *session = table->first;
        table->first = session->next;
        session_free(session);
    }
    pthread_mutex_destroy(&table->mutex);
}

/* With the mutex held. */
static struct session *find(struct session_table *table, const char *session_id) {
    struct session *session = table->first;
    while (session && !str_eq(session->record.session, session_id))
        session = session->next;
    return session;
}

static const struct session *holder_of_home(const struct session_table *table, const char *home) {
    for (const struct session *session = table->first; session; session = session->next)
        if (*home && str_eq(session->record.home, home) && session->state != SESSION_ENDED)
            return session;
    return NULL;
}

struct session *session_add(struct session_table *table, const char *session_id, const char *home,
                            struct err *err) {
    struct session *session = mem_zalloc(sizeof *session);
    *session = (struct session){.references = 2, /* the list's and the caller's */
                                .outer = -1,
                                .display = -1,
                                .run_fd = -1,
                                .cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                .user_namespace = -1,
                                .net_namespace = -1};
    str_copy(session->record.session, sizeof session->record.session, session_id);
    str_copy(session->record.home, sizeof session->record.home, home);
    pthread_mutex_lock(&table->mutex);
    const struct session *holder = holder_of_home(table, home);
    int result = 0;
    if (find(table, session_id))
        result = err_set(err, ERR_CONFLICT, NULL, "session %s exists", session_id);
    else if (holder)
        result = err_set(err, ERR_CONFLICT, "home_in_use", "the home %s is in use by session %s", home,
                         holder->record.session);
    if (result == 0) {
        session->serial = ++table->last_serial;
        session->next = table->first;
        table->first = session;
    }
    pthread_mutex_unlock(&table->mutex);
    if (result == 0)
        return session;
    session_free(session);
    return NULL;
}

struct session *session_find(struct session_table *table, const char *session_id) {
    pthread_mutex_lock(&table->mutex);
    struct session *session = find(table, session_id);
    if (session)
        session->references++;
    pthread_mutex_unlock(&table->mutex);
    return session;
}

size_t session_all(struct session_table *table, struct session ***ret) {
    pthread_mutex_lock(&table->mutex);
    size_t count = 0;
    for (struct session *session = table->first; session; session = session->next)
        count++;
    struct session **all = mem_zalloc((count + 1) * sizeof(struct session *));
    size_t filled = 0;
    for (struct session *session = table->first; session; session = session->next) {
        session->references++;
        all[filled++] = session;
    }
    pthread_mutex_unlock(&table->mutex);
    *ret = all;
    return count;
}

void session_unref(struct session_table *table, struct session *session) {
    if (!session)
        return;
    pthread_mutex_lock(&table->mutex);
    bool last = --session->references == 0;
    pthread_mutex_unlock(&table->mutex);
    if (last)
        session_free(session);
}

void session_drop(struct session_table *table, struct session *session) {
    pthread_mutex_lock(&table->mutex);
    struct session **link = &table->first;
    while (*link && *link != session)
        link = &(*link)->next;
    bool listed = *link != NULL;
    if (listed)
        *link = session->next;
    pthread_mutex_unlock(&table->mutex);
    if (listed)
        session_unref(table, session);
}

enum session_state session_state_get(struct session_table *table, const struct session *session) {
    pthread_mutex_lock(&table->mutex);
    enum session_state state = session->state;
    pthread_mutex_unlock(&table->mutex);
    return state;
}

void session_state_set(struct session_table *table, struct session *session, enum session_state state) {
    pthread_mutex_lock(&table->mutex);
    session->state = state;
    pthread_mutex_unlock(&table->mutex);
}

struct cgroup_limits session_limits(struct session_table *table, const struct session *session) {
    pthread_mutex_lock(&table->mutex);
    struct cgroup_limits limits = session->record.limits;
    pthread_mutex_unlock(&table->mutex);
    return limits;
}

void session_set_limits(struct session_table *table, struct session *session,
                        const struct cgroup_limits *limits) {
    pthread_mutex_lock(&table->mutex);
    session->record.limits = *limits;
    pthread_mutex_unlock(&table->mutex);
}

bool session_state_change(struct session_table *table, struct session *session, enum session_state from,
                          enum session_state to) {
    pthread_mutex_lock(&table->mutex);
    bool right = session->state == from;
    if (right)
        session->state = to;
    pthread_mutex_unlock(&table->mutex);
    return right;
}
