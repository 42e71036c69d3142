/* The catalogue as answers: all templates, written out once and kept until something changes.
 *
 * What it shows is numbered in the database (table `catalogue`): every transaction that changes a template,
 * or which agents are there, raises the number. A request reads the number (one row by its key) and, when it
 * is the one that it has, answers from memory; so no answer is older than the last commit, on any replica.
 *
 * Thread-safe. Answers are borrowed by nobody: texts are copied into the caller's buffer.
 */
#ifndef SS_CONTROL_CATALOGUE_H
#define SS_CONTROL_CATALOGUE_H

#include "base/err.h"
#include "base/str.h"
#include "control/audit/audit.h"
#include "db/db.h"

#include <stdbool.h>
#include <stdint.h>

#define CATALOGUE_TAG_SIZE 24 /* an entity tag (RFC 9110 section 8.8.3) with its quotes */
#define CATALOGUE_PAGE_DEFAULT 50
#define CATALOGUE_PAGE_MAX 200

struct catalogue;

/* `build`: the program's version, part of the entity tags, since another version may write otherwise. */
struct catalogue *catalogue_create(const char *build);
void catalogue_destroy(struct catalogue *catalogue); /* accepts NULL */

struct catalogue_query {
    const char *category;      /* exact, any case of A-Z; NULL: any */
    const char *search;        /* part of name, display name, description or a tag, likewise; NULL: any */
    const char *after;         /* cursor: names after this one; NULL: from the beginning */
    unsigned limit;            /* 0: CATALOGUE_PAGE_DEFAULT; at most CATALOGUE_PAGE_MAX */
    const char *if_none_match; /* the header, or NULL */
};

/* Appends {"templates": […], "total": n, "nextCursor": …}, by name: all for operators, for others what is
 * enabled and open to them. Nothing is appended when the caller has it already (`tag` is in if_none_match).
 */
int catalogue_list(struct catalogue *catalogue, struct db_conn *conn, const struct actor *actor,
                   const struct catalogue_query *query, struct strbuf *out, char tag[CATALOGUE_TAG_SIZE],
                   struct err *err);
/* Appends one template; for operators with `agents`: [{agentId, available, reason}] of those that are online.
 * ERR_NOT_FOUND "template_not_found". */
int catalogue_get(struct catalogue *catalogue, struct db_conn *conn, const struct actor *actor,
                  const char *name, const char *if_none_match, struct strbuf *out,
                  char tag[CATALOGUE_TAG_SIZE], struct err *err);

#endif
