/* Registering with a control plane and dialling it: what blocks, for a worker thread. */
#ifndef SS_AGENT_ENROL_H
#define SS_AGENT_ENROL_H

#include "agent/identity.h"
#include "base/err.h"
#include "http/client.h"

#include <stdbool.h>

#define ENROL_TIMEOUT_MS 10000 /* of the registration, and of the connection */

/* In and out of one attempt; plain data, copied. */
struct enrol {
    char *url;     /* base of the control plane; owned */
    char *ca_file; /* or NULL; owned */
    char *body;    /* of the registration (JSON), owned; NULL: do not register */
    char agent_id[AGENT_ID_MAX + 1];
    char key[IDENTITY_KEY_MAX + 1];
    /* Out: */
    char new_key[IDENTITY_KEY_MAX + 1]; /* "" when none was given */
    bool registered;
    int status; /* HTTP; 0: not reached */
    struct http_connection *connection;
    struct err err;
};

/* 0 when `connection` is there. */
int enrol_run(struct enrol *enrol);
void enrol_free(struct enrol *enrol); /* accepts NULL */

/* "X-Agent-API-Key: <key>", owned by the caller. */
char *enrol_key_header(const char *key);
/* Base and path joined with one slash, owned by the caller. */
char *enrol_url(const char *base, const char *path);

#endif
