/* Shares: what a guest may do, by name and by link, and the end of it. */
#include "rig.h"

#include "control/shares/share.h"

static struct rig r;
static char name[SESSION_NAME_MAX + 1];

static int setup(void **state) {
    rig_open(&r);
    int64_t generation = rig_agent(&r, "agent-1", 10);
    rig_session(&r, name); /* alice's */
    rig_run(&r, "agent-1", generation);
    return 0;
}

static int teardown(void **state) {
    rig_close(&r);
    return 0;
}

static struct share share_with(const char *username, enum session_access mode, const char *expires,
                               char *token) {
    struct err err = {0};
    struct share share;
    _cleanup_session_ struct session session = {0};
    struct share_new fields = {.username = username, .link = !username, .mode = mode, .expires_at = expires};
    OK(session_get(r.c, name, &session, &err));
    OK(share_create(r.c, &r.alice, &session, &fields, &share, token, &err));
    return share;
}

static enum session_access access_of(const struct actor *actor) {
    struct err err = {0};
    _cleanup_session_ struct session session = {0};
    if (session_get_visible(r.c, actor, name, &session, &err) < 0) {
        assert_int_equal(err.kind, ERR_NOT_FOUND);
        return SESSION_ACCESS_NONE;
    }
    return session.access;
}

static void in_the_future(char *text, int64_t ms) {
    time_format(clock_wall_ms() + ms, text);
}

static void a_guest_may_what_was_given_to_him(void **state) {
    struct err err = {0};
    char token[SHARE_TOKEN_SIZE];
    struct session session = {0};
    assert_int_equal(access_of(&r.alice), SESSION_ACCESS_OWNER);
    assert_int_equal(access_of(&r.operator_), SESSION_ACCESS_OPERATOR);
    assert_int_equal(access_of(&r.bob), SESSION_ACCESS_NONE);
    struct share share = share_with("bob", SESSION_ACCESS_VIEW, NULL, token);
    assert_string_equal(token, "");
    assert_int_equal(access_of(&r.bob), SESSION_ACCESS_VIEW);
    FAILS(session_get_for(r.c, &r.bob, name, &session, &err), ERR_DENIED, "not_owner");
    struct ticket ticket;
    FAILS(ticket_create(r.c, &r.bob, name, TICKET_CONTROL, 0, &ticket, &err), ERR_DENIED, "view_only");
    OK(ticket_create(r.c, &r.bob, name, TICKET_BEST, 0, &ticket, &err));
    assert_int_equal(ticket.mode, TICKET_VIEW);
    struct ticket_use use = {0};
    OK(ticket_use(r.c, name, ticket.text, &use, &err));
    assert_int_equal(use.mode, TICKET_VIEW);
    assert_int_equal(use.share_id, share.id);
    assert_string_equal(use.user.username, "bob");
    ticket_use_finish(&use);
    OK(share_remove(r.c, &r.alice, name, share.id, &err));
    assert_int_equal(access_of(&r.bob), SESSION_ACCESS_NONE);
    FAILS(share_remove(r.c, &r.alice, name, share.id, &err), ERR_NOT_FOUND, "share_not_found");
    share_with("bob", SESSION_ACCESS_CONTROL, NULL, token);
    OK(ticket_create(r.c, &r.bob, name, TICKET_BEST, 0, &ticket, &err));
    assert_int_equal(ticket.mode, TICKET_CONTROL);
}

static void rights_are_looked_at_again_when_a_ticket_is_used(void **state) {
    struct err err = {0};
    char token[SHARE_TOKEN_SIZE];
    struct ticket ticket;
    struct ticket_use use = {0};
    struct share share = share_with("bob", SESSION_ACCESS_CONTROL, NULL, token);
    OK(ticket_create(r.c, &r.bob, name, TICKET_CONTROL, 0, &ticket, &err));
    OK(share_remove(r.c, &r.alice, name, share.id, &err));
    FAILS(ticket_use(r.c, name, ticket.text, &use, &err), ERR_UNAUTHENTICATED, "bad_ticket");
    /* A right that has become less: what was asked for is more than there is now. */
    share_with("bob", SESSION_ACCESS_CONTROL, NULL, token);
    OK(ticket_create(r.c, &r.bob, name, TICKET_CONTROL, 0, &ticket, &err));
    OK(db_exec(r.c, NULL, &err, "UPDATE session_shares SET mode = 'view'", ""));
    FAILS(ticket_use(r.c, name, ticket.text, &use, &err), ERR_UNAUTHENTICATED, "bad_ticket");
    OK(ticket_create(r.c, &r.bob, name, TICKET_VIEW, 0, &ticket, &err));
    OK(user_set_active(r.c, &r.admin, "bob", false, &err));
    FAILS(ticket_use(r.c, name, ticket.text, &use, &err), ERR_UNAUTHENTICATED, "bad_ticket");
    OK(user_set_active(r.c, &r.admin, "bob", true, &err));
    OK(ticket_create(r.c, &r.bob, name, TICKET_VIEW, 0, &ticket, &err));
    OK(user_set_active(r.c, &r.admin, "alice", false, &err)); /* whose session it is */
    FAILS(ticket_use(r.c, name, ticket.text, &use, &err), ERR_UNAUTHENTICATED, "bad_ticket");
    assert_int_equal(access_of(&r.bob), SESSION_ACCESS_NONE);
}

static void a_link_is_good_for_whoever_has_it(void **state) {
    struct err err = {0};
    char token[SHARE_TOKEN_SIZE];
    struct share made = share_with(NULL, SESSION_ACCESS_VIEW, NULL, token), share;
    assert_int_equal(strlen(token), SHARE_TOKEN_SIZE - 1);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM session_shares WHERE token_hash IS NOT NULL"),
                     1);
    OK(share_find_link(r.c, token, false, &share, &err));
    assert_int_equal(share.id, made.id);
    struct actor nobody = {.username = "share:1"};
    struct ticket ticket;
    struct ticket_use use = {0};
    FAILS(ticket_create_link(r.c, &nobody, &share, TICKET_CONTROL, 0, &ticket, &err), ERR_DENIED,
          "view_only");
    OK(ticket_create_link(r.c, &nobody, &share, TICKET_BEST, 0, &ticket, &err));
    OK(ticket_use(r.c, name, ticket.text, &use, &err));
    assert_int_equal(use.mode, TICKET_VIEW);
    assert_int_equal(use.user.id, 0);
    ticket_use_finish(&use);
    token[0] = token[0] == '0' ? '1' : '0';
    FAILS(share_find_link(r.c, token, false, &share, &err), ERR_NOT_FOUND, "share_not_found");
    FAILS(share_find_link(r.c, "", false, &share, &err), ERR_NOT_FOUND, "share_not_found");
    FAILS(share_find_link(r.c, "%", false, &share, &err), ERR_NOT_FOUND, "share_not_found");
}

static void the_setting_says_who_may_use_links(void **state) {
    struct err err = {0};
    char token[SHARE_TOKEN_SIZE];
    struct share share;
    share_with(NULL, SESSION_ACCESS_VIEW, NULL, token);
    OK(setting_put(r.c, SETTING_SHARE_LINKS, "users", &err));
    FAILS(share_find_link(r.c, token, false, &share, &err), ERR_UNAUTHENTICATED, "sign_in_first");
    OK(share_find_link(r.c, token, true, &share, &err));
    OK(setting_put(r.c, SETTING_SHARE_LINKS, "off", &err));
    FAILS(share_find_link(r.c, token, true, &share, &err), ERR_NOT_FOUND, "share_not_found");
    struct share_new fields = {.link = true, .mode = SESSION_ACCESS_VIEW};
    _cleanup_session_ struct session session = {0};
    OK(session_get(r.c, name, &session, &err));
    FAILS(share_create(r.c, &r.alice, &session, &fields, &share, token, &err), ERR_DENIED, "links_off");
}

static void an_expired_share_is_none(void **state) {
    struct err err = {0};
    char token[SHARE_TOKEN_SIZE], soon[TIME_TEXT_SIZE];
    unsigned count = 0;
    in_the_future(soon, 60000);
    share_with("bob", SESSION_ACCESS_VIEW, soon, token);
    assert_int_equal(access_of(&r.bob), SESSION_ACCESS_VIEW);
    OK(share_expire(r.c, &count, &err));
    assert_int_equal(count, 0);
    clock_test_shift(0, 60001);
    assert_int_equal(access_of(&r.bob), SESSION_ACCESS_NONE);
    struct share *list = NULL;
    size_t length = 9;
    OK(share_list(r.c, name, &list, &length, &err));
    assert_int_equal(length, 0);
    free(list);
    /* Its row does not stand in the way of a new one. */
    share_with("bob", SESSION_ACCESS_CONTROL, NULL, token);
    assert_int_equal(access_of(&r.bob), SESSION_ACCESS_CONTROL);
    in_the_future(soon, 1000);
    share_with(NULL, SESSION_ACCESS_VIEW, soon, token);
    clock_test_shift(0, 70000);
    OK(share_expire(r.c, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM session_shares"), 1);
    assert_int_equal(query_number(r.c, "SELECT COUNT(*) FROM audit_log WHERE action = 'share.expire'"), 2);
}

static void refused(const struct share_new *fields, enum err_kind kind, const char *code, const char *field) {
    struct err err = {0};
    char token[SHARE_TOKEN_SIZE];
    struct share share;
    _cleanup_session_ struct session session = {0};
    OK(session_get(r.c, name, &session, &err));
    FAILS(share_create(r.c, &r.alice, &session, fields, &share, token, &err), kind, code);
    if (field)
        assert_string_equal(err.field, field);
}

static void what_makes_no_sense_is_refused(void **state) {
    enum session_access view = SESSION_ACCESS_VIEW;
    struct err err = {0};
    char token[SHARE_TOKEN_SIZE];
    refused(&(struct share_new){.mode = view}, ERR_INVALID, "invalid_field", "username");
    refused(&(struct share_new){.mode = view, .username = "bob", .link = true}, ERR_INVALID, "invalid_field",
            "link");
    refused(&(struct share_new){.mode = view, .username = "nobody"}, ERR_INVALID, "invalid_field",
            "username");
    refused(&(struct share_new){.mode = view, .username = "alice"}, ERR_INVALID, "invalid_field", "username");
    refused(&(struct share_new){.mode = view, .link = true, .expires_at = "tomorrow"}, ERR_INVALID,
            "invalid_field", "expiresAt");
    refused(&(struct share_new){.mode = view, .link = true, .expires_at = "2020-01-01T00:00:00Z"},
            ERR_INVALID, "invalid_field", "expiresAt");
    share_with("bob", view, NULL, token);
    refused(&(struct share_new){.mode = view, .username = "bob"}, ERR_CONFLICT, "already_shared", NULL);
    for (int i = 1; i < SHARES_MAX; i++)
        share_with(NULL, view, NULL, token);
    refused(&(struct share_new){.mode = view, .link = true}, ERR_LIMIT, "too_many_shares", NULL);
    OK(db_exec(r.c, NULL, &err, "UPDATE sessions SET state = 'failed'", ""));
    refused(&(struct share_new){.mode = view, .link = true}, ERR_CONFLICT, "session_ended", NULL);
}

static void the_guest_is_told_and_operators_not_twice(void **state) {
    struct err err = {0};
    char token[SHARE_TOKEN_SIZE];
    struct event *events = NULL;
    size_t count = 0, bobs = 0, olgas = 0, carols = 0;
    int64_t since = 0;
    OK(event_newest(r.c, &since, &err));
    struct share share = share_with("bob", SESSION_ACCESS_VIEW, NULL, token);
    OK(session_add_viewers(r.c, name, 1, &err));
    OK(share_remove(r.c, &r.alice, name, share.id, &err));
    OK(session_add_viewers(r.c, name, -1, &err)); /* is nothing to him any more */
    OK(event_read(r.c, since, &events, &count, &err));
    for (size_t i = 0; i < count; i++) {
        bobs += event_visible(&events[i], "bob", false);
        carols += event_visible(&events[i], "carol", false);
        olgas += event_visible(&events[i], "olga", true) && str_eq(events[i].kind, "session");
    }
    assert_int_equal(bobs, 3); /* there, changed, gone */
    assert_int_equal(olgas, 2);
    assert_int_equal(carols, 0);
    events_free(events, count);
}

static void a_guest_lists_what_is_shared_with_him(void **state) {
    struct err err = {0};
    char token[SHARE_TOKEN_SIZE], soon[TIME_TEXT_SIZE];
    struct session_filter filter = {.shared_with = r.bob.user_id, .actor = &r.bob};
    _cleanup_session_page_ struct session_page none = {0}, one = {0}, gone = {0};
    OK(session_list(r.c, &filter, &none, &err));
    assert_int_equal(none.total, 0);
    in_the_future(soon, 60000);
    share_with("bob", SESSION_ACCESS_CONTROL, soon, token);
    OK(session_list(r.c, &filter, &one, &err));
    assert_int_equal(one.total, 1);
    assert_string_equal(one.items[0].name, name);
    assert_int_equal(one.items[0].access, SESSION_ACCESS_CONTROL);
    clock_test_shift(0, 60001);
    OK(session_list(r.c, &filter, &gone, &err));
    assert_int_equal(gone.total, 0);
}

#define SHARE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SHARE_TEST(a_guest_may_what_was_given_to_him),
        SHARE_TEST(rights_are_looked_at_again_when_a_ticket_is_used),
        SHARE_TEST(a_link_is_good_for_whoever_has_it),
        SHARE_TEST(the_setting_says_who_may_use_links),
        SHARE_TEST(an_expired_share_is_none),
        SHARE_TEST(what_makes_no_sense_is_refused),
        SHARE_TEST(the_guest_is_told_and_operators_not_twice),
        SHARE_TEST(a_guest_lists_what_is_shared_with_him),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
