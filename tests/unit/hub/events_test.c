/* The event bus: who gets what, what was missed, and who is dropped. */
#include "rig.h"

#include "db/engine.h"

#include <pthread.h>

#define SEEN_MAX 256

/* A subscriber; written on the hub's thread. */
struct watcher {
    pthread_mutex_t lock;
    size_t count, keepalives;
    struct {
        int64_t id;
        char kind[16];
        char data[64];
    } seen[SEEN_MAX];
    bool gone;
    size_t refuse_after; /* 0: never */
    int64_t id;
};

static bool on_event(void *arg, const struct event *event) {
    struct watcher *watcher = arg;
    pthread_mutex_lock(&watcher->lock);
    assert_false(watcher->gone);
    if (event) {
        assert_true(watcher->count < SEEN_MAX);
        watcher->seen[watcher->count].id = event->id;
        str_copy(watcher->seen[watcher->count].kind, 16, event->kind);
        str_copy(watcher->seen[watcher->count].data, 64, event->data);
        watcher->count++;
    } else {
        watcher->keepalives++;
    }
    bool fine = !watcher->refuse_after || watcher->count < watcher->refuse_after;
    pthread_mutex_unlock(&watcher->lock);
    return fine;
}

static void on_gone(void *arg) {
    struct watcher *watcher = arg;
    pthread_mutex_lock(&watcher->lock);
    assert_false(watcher->gone);
    watcher->gone = true;
    pthread_mutex_unlock(&watcher->lock);
}

static void watch(struct rig *rig, struct watcher *watcher, const char *user, bool is_operator,
                  int64_t since) {
    pthread_mutex_init(&watcher->lock, NULL);
    struct hub_event_filter filter = {.user = user, .is_operator = is_operator};
    struct err err = {0};
    assert_int_equal(
        hub_events_subscribe(rig->hub, &filter, since, on_event, on_gone, watcher, &watcher->id, &err), 0);
}

static size_t seen(struct watcher *watcher, const char *kind) {
    size_t found = 0;
    pthread_mutex_lock(&watcher->lock);
    for (size_t i = 0; i < watcher->count; i++)
        found += !kind || str_eq(watcher->seen[i].kind, kind);
    pthread_mutex_unlock(&watcher->lock);
    return found;
}

static bool is_gone(struct watcher *watcher) {
    pthread_mutex_lock(&watcher->lock);
    bool gone = watcher->gone;
    pthread_mutex_unlock(&watcher->lock);
    return gone;
}

static void leave(struct rig *rig, struct watcher *watcher) {
    hub_events_unsubscribe(rig->hub, watcher->id);
    WAIT(rig, is_gone(watcher));
    hub_events_unsubscribe(rig->hub, watcher->id); /* over already: nothing */
    pthread_mutex_destroy(&watcher->lock);
}

static void write_event(struct rig *rig, const char *kind, const char *audience, const char *data) {
    struct err err = {0};
    if (db_begin(rig->conn, &err) < 0 ||
        db_end(rig->conn, event_write(rig->conn, kind, audience, data, &err), &err) < 0)
        fail_msg("event: %s", err.message);
}

static void everybody_gets_what_he_may_see(void **state) {
    struct rig *rig = *state;
    struct watcher anna = {0}, bert = {0}, boss = {0};
    watch(rig, &anna, "anna", false, 0);
    watch(rig, &bert, "bert", false, 0);
    watch(rig, &boss, "boss", true, 0);
    hub_wake(rig->hub, NULL); /* behind the subscriptions */
    IDLE(rig, 50);
    write_event(rig, "session", "anna", "{\"name\":\"a\"}");
    write_event(rig, "template", EVENT_EVERYBODY, "{\"name\":\"t\"}");
    write_event(rig, "agent", EVENT_OPERATORS, "{\"name\":\"x\"}");
    WAIT(rig, seen(&boss, NULL) == 3);
    WAIT(rig, seen(&anna, NULL) == 2 && seen(&bert, NULL) == 1);
    assert_int_equal(seen(&bert, "session"), 0);
    assert_int_equal(seen(&anna, "agent"), 0);
    assert_true(boss.seen[0].id < boss.seen[1].id && boss.seen[1].id < boss.seen[2].id);
    leave(rig, &anna);
    leave(rig, &bert);
    leave(rig, &boss);
}

static void what_was_missed_comes_first_and_once(void **state) {
    struct rig *rig = *state;
    struct watcher first = {0}, second = {0};
    watch(rig, &first, "boss", true, 0);
    IDLE(rig, 50);
    for (int i = 0; i < 20; i++)
        write_event(rig, "template", EVENT_EVERYBODY, "{}");
    WAIT(rig, seen(&first, NULL) == 20);
    watch(rig, &second, "boss", true, first.seen[4].id);
    write_event(rig, "template", EVENT_EVERYBODY, "{}");
    WAIT(rig, seen(&second, NULL) == 16 && seen(&first, NULL) == 21);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(second.seen[i].id, first.seen[5 + i].id);
    leave(rig, &first);
    leave(rig, &second);
}

static void an_id_from_the_future_starts_anew(void **state) {
    struct rig *rig = *state;
    struct watcher watcher = {0};
    watch(rig, &watcher, "boss", true, 1000000);
    WAIT(rig, seen(&watcher, HUB_EVENT_RESET) == 1);
    write_event(rig, "template", EVENT_EVERYBODY, "{}");
    WAIT(rig, seen(&watcher, "template") == 1);
    leave(rig, &watcher);
}

/* As after the loss of a server whose last transactions had not reached its standby. */
static void a_database_that_lost_its_last_events(void **state) {
    struct rig *rig = *state;
    struct err err = {0};
    struct watcher watcher = {0};
    watch(rig, &watcher, "boss", true, 0);
    IDLE(rig, 50);
    for (int i = 0; i < 5; i++)
        write_event(rig, "template", EVENT_EVERYBODY, "{}");
    WAIT(rig, seen(&watcher, "template") == 5);
    notifier_post(rig->db->notifier, "", NULL); /* away and back, and nothing is lost: nothing is said */
    write_event(rig, "template", EVENT_EVERYBODY, "{}");
    WAIT(rig, seen(&watcher, "template") == 6);
    assert_int_equal(seen(&watcher, HUB_EVENT_RESET), 0);
    int64_t lost = watcher.seen[4].id;
    if (db_exec(rig->conn, NULL, &err, "DELETE FROM events WHERE id >= $1", "i", lost) < 0)
        fail_msg("%s", err.message);
    notifier_post(rig->db->notifier, "", NULL);
    WAIT(rig, seen(&watcher, HUB_EVENT_RESET) == 1);
    assert_int_equal(watcher.seen[6].id, watcher.seen[3].id);
    /* The ids come again, and are told. */
    if (db_exec(
            rig->conn, NULL, &err,
            "INSERT INTO events (id, kind, audience, data, created_at) VALUES ($1, 'agent', '*', '{}', $2)",
            "is", lost, "2026-01-01T00:00:00.000Z") < 0 ||
        db_notify(rig->conn, EVENT_CHANNEL, "new", &err) < 0)
        fail_msg("%s", err.message);
    WAIT(rig, seen(&watcher, "agent") == 1);
    leave(rig, &watcher);
}

static void silence_is_filled_with_keep_alives(void **state) {
    struct rig *rig = *state;
    struct watcher watcher = {0};
    watch(rig, &watcher, "anna", false, 0);
    int64_t began = clock_ms();
    bool alive = false;
    while (!alive && clock_ms() - began < WAIT_MS) {
        loop_step(rig->loop, 5);
        pthread_mutex_lock(&watcher.lock);
        alive = watcher.keepalives >= 2;
        pthread_mutex_unlock(&watcher.lock);
    }
    assert_true(alive);
    leave(rig, &watcher);
}

static void a_slow_one_is_dropped_and_the_others_go_on(void **state) {
    struct rig *rig = *state;
    struct watcher slow = {.refuse_after = 3}, quick = {0};
    watch(rig, &slow, "boss", true, 0);
    watch(rig, &quick, "boss", true, 0);
    IDLE(rig, 50);
    for (int i = 0; i < 10; i++)
        write_event(rig, "template", EVENT_EVERYBODY, "{}");
    WAIT(rig, seen(&quick, NULL) == 10);
    WAIT(rig, is_gone(&slow));
    assert_int_equal(seen(&slow, NULL), 3);
    assert_int_equal(rig_metric(rig, "streamspace_event_streams_dropped_total"), 1);
    leave(rig, &quick);
}

/* The domain's own events arrive: a session's life is seen by its owner. */
static void a_session_is_followed_live(void **state) {
    struct rig *rig = *state;
    rig_agent(rig, "alpha");
    struct robot *robot = robot_create(rig, "alpha");
    robot_online(robot);
    struct watcher anna = {0}, bert = {0};
    watch(rig, &anna, "anna", false, 0);
    watch(rig, &bert, "bert", false, 0);
    IDLE(rig, 50);
    char name[SESSION_NAME_MAX + 1];
    rig_session(rig, name);
    WAIT(rig, str_eq(rig_state(rig, name), "running"));
    WAIT(rig, seen(&anna, "session") >= 2);
    assert_int_equal(seen(&bert, "session"), 0);
    leave(rig, &anna);
    leave(rig, &bert);
    robot_destroy(robot);
}

static void a_stopping_hub_lets_go_of_all(void **state) {
    struct rig *rig = *state;
    struct watcher watcher = {0};
    watch(rig, &watcher, "anna", false, 0);
    hub_stop(rig->hub);
    assert_true(is_gone(&watcher));
    int64_t id;
    struct err err = {0};
    struct hub_event_filter filter = {.user = "anna"};
    assert_int_equal(hub_events_subscribe(rig->hub, &filter, 0, on_event, on_gone, &watcher, &id, &err), -1);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    pthread_mutex_destroy(&watcher.lock);
}

#define HUB_TEST(test) cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        HUB_TEST(everybody_gets_what_he_may_see),     HUB_TEST(what_was_missed_comes_first_and_once),
        HUB_TEST(an_id_from_the_future_starts_anew),  HUB_TEST(a_database_that_lost_its_last_events),
        HUB_TEST(silence_is_filled_with_keep_alives), HUB_TEST(a_slow_one_is_dropped_and_the_others_go_on),
        HUB_TEST(a_session_is_followed_live),         HUB_TEST(a_stopping_hub_lets_go_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
