/* `streamspace server --check`: everything that a start would stumble over, looked at without changing
 * anything. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/str.h"
#include "control/settings/settings.h"
#include "control/users/user.h"
#include "db/maintenance.h"
#include "http/listen.h"
#include "main/main.h"
#include "main/start.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPIRY_WARNING_DAYS 14
#define DAY_MS INT64_C(86400000)

static int good(const char *what, const char *text) {
    printf("ok    %-12s %s\n", what, text);
    return 0;
}

static void note(const char *what, const char *text) {
    printf("note  %-12s %s\n", what, text);
}

static int bad(const char *what, const char *text) {
    printf("FAIL  %-12s %s\n", what, text);
    return 1;
}

static int check_settings(void) {
    int told = 0;
    for (int i = 0; i < SETTINGS; i++) {
        const struct setting_row *row = &setting_table[i];
        enum setting_source source = setting_pinned((enum setting)i);
        if (source == SETTING_FROM_DEFAULT)
            continue;
        const char *text = setting_start_text((enum setting)i);
        _cleanup_free_ char *shown = setting_shown(text ? text : "");
        printf("      %-12s %s = %s (%s)\n", "", row->name, row->flags & SETTING_SECRET ? "(secret)" : shown,
               setting_source_name(source));
        told++;
    }
    char text[64];
    snprintf(text, sizeof text, "%d given, the others as stored or by default", told);
    return good("settings", text);
}

static int check_config_file(void) {
    const char *path = setting_start_text(SETTING_CONFIG);
    struct stat status;
    if (!path || stat(path, &status) < 0 || !(status.st_mode & S_IROTH))
        return 0;
    for (int i = 0; i < SETTINGS; i++)
        if (setting_table[i].flags & SETTING_SECRET && setting_pinned((enum setting)i) == SETTING_FROM_FILE)
            return bad("config", "the file holds secrets and everybody may read it: chmod o-r");
    return 0;
}

static int check_password(void) {
    const char *password = setting_start_text(SETTING_ADMIN_PASSWORD);
    struct err err = {0};
    if (password && user_check_password(password, &err) < 0)
        return bad("password", err.message);
    return 0;
}

/* The nearest directory that is there must be one that can be written to. */
static int check_data_dir(void) {
    _cleanup_free_ char *path = start_data_dir();
    _cleanup_free_ char *at = str_dup(path);
    char text[1200];
    bool there = path_exists(path);
    while (!path_exists(at)) {
        char *slash = strrchr(at, '/');
        if (!slash)
            str_copy(at, strlen(at) + 1, ".");
        else if (slash == at)
            slash[1] = '\0';
        else
            *slash = '\0';
    }
    snprintf(text, sizeof text, "%.1000s%s", path, there ? "" : ": would be made");
    struct stat status;
    if (stat(at, &status) < 0 || !S_ISDIR(status.st_mode) || access(at, W_OK | X_OK) < 0) {
        snprintf(text, sizeof text, "%.1000s is no directory that can be written to", at);
        return bad("data-dir", text);
    }
    return good("data-dir", text);
}

static int check_listen(void) {
    const char *listen = setting_start_text(SETTING_LISTEN);
    struct err err = {0};
    int fd = -1;
    if (http_listen(listen, &fd, &err) == 0) {
        close_fd(fd);
        return good("listen", listen);
    }
    if (!err_is(&err, "address_in_use"))
        return bad("listen", err.message);
    note("listen", err.message); /* by the server that is to be started again, mostly */
    return 0;
}

static int check_tls(void) {
    struct http_tls *tls = NULL;
    struct err err = {0};
    if (start_tls(&tls, &err) < 0)
        return bad("tls", err.message);
    if (!tls)
        return good("tls", "none: plain http");
    int64_t expires = http_tls_expires(tls), left = expires - clock_wall_ms();
    http_tls_free(tls);
    char time[TIME_TEXT_SIZE], text[96];
    snprintf(text, sizeof text, "the certificate is good until %s", time_format(expires, time));
    if (left <= 0) {
        snprintf(text, sizeof text, "the certificate has expired at %s", time_format(expires, time));
        return bad("tls", text);
    }
    if (left < EXPIRY_WARNING_DAYS * DAY_MS)
        note("tls", "the certificate expires soon");
    return good("tls", text);
}

static int check_proxies(void) {
    struct http_proxies proxies;
    struct err err = {0};
    if (start_proxies(&proxies, &err) < 0)
        return bad("proxies", err.message);
    return 0;
}

static int check_database(void) {
    _cleanup_free_ char *url = start_database_url();
    struct db_check check;
    struct err err = {0};
    char text[160];
    if (db_check(&(struct db_options){.url = url}, &check, &err) < 0)
        return bad("database", err.message);
    if (!check.exists)
        snprintf(text, sizeof text, "%s: would be made, with schema %" PRId64, check.engine, check.known);
    else if (check.pending)
        snprintf(text, sizeof text, "%s at schema %" PRId64 ": %u migrations would be run, to %" PRId64,
                 check.engine, check.version, check.pending, check.known);
    else
        snprintf(text, sizeof text, "%s at schema %" PRId64 ": nothing to migrate", check.engine,
                 check.version);
    if (check.in_use)
        note("database", "a server is running on it: a second one would not start");
    return good("database", text);
}

int server_check(void) {
    static int (*const checks[])(void) = {check_settings, check_config_file, check_password, check_data_dir,
                                          check_listen,   check_tls,         check_proxies,  check_database};
    int failures = 0;
    for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
        failures += checks[i]();
    puts(failures ? "A start would fail." : "A start would do.");
    return failures ? 1 : 0;
}
