/* Templates: what can be run. The built-in catalogue (templates/builtin.c) is written into the table
 * `templates` at every start; an operator's own rows are never touched by that.
 *
 * `spec` is the whole template as it travels to agents in start_session:
 *   name, displayName, description, category, icon, tags, protocol ("vnc"), command [argv], env {NAME:
 * value}, programs [that must be there; without it the command's first word], packages [Debian packages to
 * install], network ("none" | "outbound"), windowManager (bool), gl (bool), onExit ("end" | "restart"),
 *   geometry ("1280x800"), sandbox {userNamespaces, debugging} (bools: what its own sandbox needs; Chromium),
 *   pidsMax, homeSize, resources {cpu, memory}, minResources, maxResources {cpu, memory}, idleTimeout
 * ("30m"), maxSessionDuration ("8h": the longest that may be asked for), runtimes [platforms of agents],
 * placement {region, labels {name: value}}, image (for containers), ports [{name, containerPort, protocol}],
 *   volumeMounts [{name, mountPath, readOnly}], vnc {enabled, port}, webapp {enabled, port, path},
 *   capabilities [Network, Audio, Clipboard, USB, Printing]
 *
 * template_schema.h is the whole table. `enabled` and `groups` are columns, and no part of it.
 */
#ifndef SS_CONTROL_TEMPLATE_H
#define SS_CONTROL_TEMPLATE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/str.h"
#include "db/db.h"
#include "json/writer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define TEMPLATE_SPEC_MAX (64 * 1024)
#define TEMPLATE_REASON_MAX 256

struct template {
    char name[TEMPLATE_NAME_MAX + 1];
    char display_name[128];
    char description[2048];
    char category[48];
    char icon[512];                           /* a word of the page's icon set ("firefox"), a link, or "" */
    char protocol[8];                         /* "vnc" or "http" */
    char network[16];                         /* "none" or "outbound" */
    int64_t cpu_millis, memory_bytes;         /* default resources */
    int64_t cpu_millis_min, memory_bytes_min; /* floors and … */
    int64_t cpu_millis_max, memory_bytes_max; /* … ceilings of what may be asked for */
    int64_t idle_timeout;                     /* seconds, for sessions that ask for none; 0: none */
    int64_t max_duration; /* seconds: the longest, and what sessions get that ask for none; 0: no limit */
    struct strv tags, runtimes, packages, command;
    struct strv groups; /* whose members may use it; none: everybody */
    bool has_image;
    bool enabled;
    bool builtin;    /* as the program brought it */
    bool overridden; /* of a built-in one's name, and not as the program brought it */
    bool available;  /* some agent that is online can run it (true too while no agent has said anything) */
    bool no_runtime; /* not available because no agent that is online is of its runtime */
    char unavailable_reason[TEMPLATE_REASON_MAX]; /* "install gimp on the agent's machine", or "" */
    int64_t version;                              /* rises with each change */
    char updated_by[USERNAME_MAX + 1];            /* "": the program */
    char created_at[TIME_TEXT_SIZE], updated_at[TIME_TEXT_SIZE];
    json_t *spec; /* owned */
};
void template_finish(struct template *template);
#define _cleanup_template_ __attribute__((cleanup(template_finish)))

struct template_list {
    struct template *items;
    size_t count;
};
void template_list_finish(struct template_list *list);

/* All of them, by name, with their availability: for the catalogue (catalogue.h), which is what lists are
 * answered from. */
int template_load_all(struct db_conn *conn, struct template_list *ret, struct err *err);
/* ERR_NOT_FOUND "template_not_found". */
int template_get(struct db_conn *conn, const char *name, struct template *ret, struct err *err);

struct actor;
/* May he start it? Operators may start whatever is enabled; others what is enabled and open to everybody or
 * to one of their groups: all else is ERR_NOT_FOUND to them. ERR_CONFLICT "template_disabled". */
int template_check_use(struct db_conn *conn, const struct actor *actor, const struct template *template,
                       struct err *err);

/* Writes the built-in catalogue into the table: new and changed ones; ones that left the catalogue are
 * removed. One transaction; an event when something changed. */
int template_install_builtin(struct db_conn *conn, struct err *err);

/* The template as the API shows it (an object); what may be secret (`env`) to operators only. */
void template_write_json(const struct template *template, bool for_operators, struct json_writer *w);

/* The programs (first words of commands) of all templates: what an agent is asked to look for. *ret is
 * appended to. */
int template_programs(struct db_conn *conn, struct strv *ret, struct err *err);

#endif
