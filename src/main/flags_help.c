/* Help, docs and manual page of what a process is told at start, from the tables. */
#include "base/cleanup.h"
#include "base/units.h"
#include "control/settings/settings.h"
#include "main/flags.h"

#include <stdio.h>

#define ROWS_MAX 64
#define GROUPS_MAX 32

static const struct {
    enum role role;
    const char *about;
} abouts[] = {
    {ROLE_UP,
     "Runs everything on one machine: a server and a local agent, with a database in the data directory."},
    {ROLE_SERVER, "Runs the control plane: REST, WebSocket, web page, streams, dispatcher."},
    {ROLE_AGENT, "Runs sessions on this machine for a control plane. It dials out; nothing dials in."},
    {ROLE_BACKUP,
     "Copies the SQLite database into FILE, which must not exist, whether or not a server runs on it."},
    {ROLE_RESTORE,
     "Puts a copy that `streamspace backup` made in the database's place, and keeps what was there. "
     "Not under a running server."},
};

/* The groups in the order of their first rows; returns how many. */
static size_t list_groups(const char **groups) {
    size_t count = 0;
    for (int i = 0; i < SETTINGS; i++) {
        bool seen = false;
        for (size_t k = 0; k < count && !seen; k++)
            seen = str_eq(groups[k], setting_table[i].group);
        if (!seen && count < GROUPS_MAX)
            groups[count++] = setting_table[i].group;
    }
    return count;
}

static const char *metavar(const struct setting_row *row) {
    if (row->metavar)
        return row->metavar;
    if (row->type == SETTING_CHOICE)
        return row->choices;
    if (row->type == SETTING_BOOLEAN)
        return NULL;
    return row->type == SETTING_DURATION ? "DURATION" : row->type == SETTING_QUANTITY ? "SIZE" : "TEXT";
}

static void left_of(int setting, char *text, size_t size) {
    const struct setting_row *row = &setting_table[setting];
    char variable[SETTING_VARIABLE_SIZE];
    if (row->flags & SETTING_SECRET)
        snprintf(text, size, "%s", setting_variable((enum setting)setting, variable));
    else
        snprintf(text, size, "--%s%s%s", row->name, metavar(row) ? " " : "",
                 metavar(row) ? metavar(row) : "");
}

static void print_setting(int setting) {
    const struct setting_row *row = &setting_table[setting];
    char left[128], variable[SETTING_VARIABLE_SIZE];
    left_of(setting, left, sizeof left);
    printf("  %-34s %s", left, row->help);
    if (!str_empty(row->preset))
        printf(" [%s]", row->preset);
    if (!(row->flags & SETTING_SECRET))
        printf(" ($%s)", setting_variable((enum setting)setting, variable));
    putchar('\n');
}

static void print_settings(enum role role) {
    const char *groups[GROUPS_MAX];
    size_t count = list_groups(groups);
    for (size_t k = 0; k < count; k++) {
        printf("\n%s:\n", groups[k]);
        for (int i = 0; i < SETTINGS; i++)
            if (str_eq(setting_table[i].group, groups[k]) &&
                (role != ROLE_UP || !(setting_table[i].flags & SETTING_NOT_UNDER_UP)))
                print_setting(i);
    }
}

void flags_print_help(enum role role) {
    struct option_spec table[ROWS_MAX];
    size_t count = flags_agent_rows(role, table, ROWS_MAX);
    const char *about = "";
    for (size_t i = 0; i < ARRAY_SIZE(abouts); i++)
        if (abouts[i].role == role)
            about = abouts[i].about;
    bool tool = role == ROLE_BACKUP || role == ROLE_RESTORE;
    printf("usage: streamspace %s%s [options]\n\n%s\n\noptions [default] ($VARIABLE):\n", role_name(role),
           tool ? " FILE" : "", about);
    if (tool) { /* the server's, as far as they say where the database is */
        print_setting(SETTING_DATA_DIR);
        print_setting(SETTING_DATABASE);
        print_setting(SETTING_CONFIG);
        return;
    }
    if (role != ROLE_AGENT)
        print_settings(role);
    if (role == ROLE_UP)
        puts("\nThe agent:");
    if (role == ROLE_SERVER)
        putchar('\n');
    options_help(table, count, stdout);
    puts("\nA flag comes before its variable, that before the file of --config, that before what "
         "administrators "
         "have stored\n(`streamspace settings`), that before the default.");
    if (role == ROLE_AGENT)
        puts("\nAsking a server about its agents (after `streamspace login URL`):\n  streamspace agent "
             "list|show|enrol --help");
}

/* --- docs/settings.md --- */

/* '|' would end a table's cell. */
static void put_cell(const char *text) {
    for (; *text; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
}

static void put_bounds(const struct setting_row *row) {
    if (row->type == SETTING_CHOICE) {
        put_cell(row->choices);
        return;
    }
    printf("%s", setting_type_name(row->type));
    if (row->type == SETTING_INTEGER)
        printf(" %lld–%lld", (long long)row->min, (long long)row->max);
    char least[32], most[32];
    if (row->type == SETTING_DURATION)
        printf(" %s–%s", duration_format(row->min, least), duration_format(row->max, most));
    if (row->type == SETTING_QUANTITY)
        printf(" %s–%s", bytes_format(row->min, least), bytes_format(row->max, most));
}

static const char *when(const struct setting_row *row) {
    if (!(row->flags & SETTING_STORED))
        return "start";
    return row->flags & SETTING_RESTART ? "page, at the next start" : "page, at once";
}

void flags_print_markdown(void) {
    const char *groups[GROUPS_MAX];
    size_t count = list_groups(groups);
    for (size_t k = 0; k < count; k++) {
        printf("%s## %s\n\n| setting | value | default | variable | changes | what it is "
               "|\n|---|---|---|---|---|---|\n",
               k ? "\n" : "", groups[k]);
        for (int i = 0; i < SETTINGS; i++) {
            const struct setting_row *row = &setting_table[i];
            char variable[SETTING_VARIABLE_SIZE];
            if (!str_eq(row->group, groups[k]))
                continue;
            printf("| `%s`%s | ", row->name, row->flags & SETTING_SECRET ? " (secret)" : "");
            put_bounds(row);
            printf(" | %s%s%s | `%s` | %s | ", row->preset ? "`" : "", row->preset ? row->preset : "",
                   row->preset ? "`" : "", setting_variable((enum setting)i, variable), when(row));
            put_cell(row->help);
            puts(" |");
        }
    }
}

/* --- the manual page --- */

static void put_roff(const char *text) {
    for (; *text; text++)
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
}

void flags_print_man(void) {
    const char *groups[GROUPS_MAX];
    size_t count = list_groups(groups);
    for (size_t k = 0; k < count; k++) {
        printf(".SS %s\n", groups[k]);
        for (int i = 0; i < SETTINGS; i++) {
            const struct setting_row *row = &setting_table[i];
            char left[128];
            if (!str_eq(row->group, groups[k]))
                continue;
            left_of(i, left, sizeof left);
            fputs(".TP\n.B ", stdout);
            put_roff(left);
            putchar('\n');
            put_roff(row->help);
            if (!str_empty(row->preset)) {
                fputs(" [", stdout);
                put_roff(row->preset);
                putchar(']');
            }
            putchar('\n');
        }
    }
}
