/* Sharing sessions with other users, and by links. */
#include "cli/cli.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/units.h"
#include "cli/verbs.h"

struct share_options {
    const char *output, *user, *mode, *lasts, *until;
    bool link;
};

#define FIELD(name) OPTION_FIELD(struct share_options, name)
static const struct option_spec share_table[] = {
    {"output", NULL, OPTION_CHOICE, FIELD(output), NULL, "table", "table|json", 0, 0, false, "how to print"},
    {"user", NULL, OPTION_TEXT, FIELD(user), "USER", NULL, NULL, 0, 0, false, "create: with this user"},
    {"link", NULL, OPTION_FLAG, FIELD(link), NULL, NULL, NULL, 0, 0, false,
     "create: with whoever has the link, which is printed once"},
    {"mode", NULL, OPTION_CHOICE, FIELD(mode), NULL, "view", "view|control", 0, 0, false,
     "create: look only, or use"},
    {"for", NULL, OPTION_TEXT, FIELD(lasts), "DURATION", NULL, NULL, 0, 0, false,
     "create: ends after this long, such as 2h (default: with the session)"},
    {"until", NULL, OPTION_TEXT, FIELD(until), "TIME", NULL, NULL, 0, 0, false,
     "create: ends at this time, such as 2026-01-31T18:00:00Z"},
};

static const struct column share_columns[] = {
    {"ID", "id"},        {"USER", "username"},  {"LINK", "link"},       {"MODE", "mode"},
    {"BY", "createdBy"}, {"AGE", "createdAt@"}, {"UNTIL", "expiresAt"},
};
static const struct column share_record[] = {
    {"Id", "id"}, {"With", "username"}, {"Mode", "mode"}, {"Until", "expiresAt"}, {"Link", "url"}};

/* "/sessions/NAME/shares" and what follows; NULL and an error when the name can be none. */
static char *share_path(const char *name, const char *rest, struct err *err) {
    if (id_is_session(name))
        return str_format("/sessions/%s/shares%s", name, rest);
    err_set(err, ERR_INVALID, NULL, "'%s' is no session name", name);
    return NULL;
}

static int read_end(const struct share_options *options, char *ret, struct err *err) {
    int64_t seconds;
    *ret = '\0';
    if (options->lasts && options->until)
        return err_set(err, ERR_INVALID, NULL, "--for or --until, not both");
    if (options->lasts) {
        if (!duration_parse(options->lasts, &seconds) || seconds <= 0)
            return err_set(err, ERR_INVALID, NULL, "--for wants a duration such as 30m or 8h");
        time_format(clock_wall_ms() + seconds * 1000, ret);
    } else if (options->until && !str_copy(ret, TIME_TEXT_SIZE, options->until)) {
        return err_set(err, ERR_INVALID, NULL, "--until wants a time such as 2026-01-31T18:00:00Z");
    }
    return 0;
}

static int create_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct share_options *options = arg;
    char until[TIME_TEXT_SIZE];
    if (!options->user == !options->link)
        return err_set(err, ERR_INVALID, NULL, "--user USER or --link: one of the two");
    _cleanup_free_ char *path = share_path(words->items[1], "", err);
    if (!path || read_end(options, until, err) < 0)
        return -1;
    _cleanup_json_ json_t *answer = NULL,
                          *body = json_pack("{s:s*, s:s, s:s*}", "username", options->user, "mode",
                                            options->mode, "expiresAt", *until ? until : NULL);
    if (!body)
        return err_set(err, ERR_INVALID, NULL, "a text is not UTF-8");
    if (options->link)
        json_object_set_new(body, "link", json_true());
    if (client_call(client, "POST", path, body, &answer, err) < 0)
        return -1;
    const char *url = json_string_value(json_object_get(answer, "url"));
    if (url && *url == '/') { /* a server without a public URL: as we reach it */
        _cleanup_free_ char *whole = str_format("%s%s", client->url, url);
        json_object_set_new(answer, "url", json_string(whole));
    }
    if (str_eq(options->output, "json"))
        output_json(answer);
    else
        output_record(answer, share_record, ARRAY_SIZE(share_record) - (options->link ? 0 : 1));
    return 0;
}

static int list_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    const struct share_options *options = arg;
    _cleanup_json_ json_t *answer = NULL;
    _cleanup_free_ char *path = share_path(words->items[1], "", err);
    if (!path || client_call(client, "GET", path, NULL, &answer, err) < 0)
        return -1;
    const json_t *shares = json_object_get(answer, "shares");
    if (str_eq(options->output, "json"))
        output_json(shares);
    else
        output_table(shares, share_columns, ARRAY_SIZE(share_columns), "It is shared with nobody.");
    return 0;
}

static int revoke_verb(struct client *client, const struct strv *words, void *arg, struct err *err) {
    int64_t id;
    if (!str_to_i64(words->items[2], 1, INT64_MAX, &id))
        return err_set(err, ERR_INVALID, NULL, "'%s' is no number of a share: see `share list`",
                       words->items[2]);
    _cleanup_free_ char *rest = str_format("/%lld", (long long)id);
    _cleanup_free_ char *path = share_path(words->items[1], rest, err);
    if (!path || client_call(client, "DELETE", path, NULL, NULL, err) < 0)
        return -1;
    printf("share %lld is withdrawn\n", (long long)id);
    return 0;
}

static const struct verb share_verbs[] = {
    {"create", "SESSION", 1, "share a session with --user or by --link", create_verb},
    {"list", "SESSION", 1, "whom it is shared with", list_verb},
    {"revoke", "SESSION ID", 2, "withdraw a share; streams of it close at once", revoke_verb},
};

int cli_share(int argc, char **argv) {
    struct share_options options = {0};
    return verbs_run(&(struct verb_table){"share", "Shares: others who may see or use a session.",
                                          share_verbs, ARRAY_SIZE(share_verbs), share_table,
                                          ARRAY_SIZE(share_table), &options},
                     argc, argv);
}
