/* The HTTP interface: one route table (routes.c), and everything between a request and the domain.
 *
 *     struct api *api;
 *     api_create(&api, &options, err);
 *     http_server_start(&server, &(struct http_server_options){.handler = api_handler,
 *                       .body_limit = api_body_limit, .error = api_error, .arg = api, …}, err);
 *     …
 *     api_stop(api);
 *     hub_stop(hub);            ends streams, agents and event subscriptions
 *     http_server_stop(server); no request comes in any more
 *     api_destroy(api);
 */
#ifndef SS_API_API_H
#define SS_API_API_H

#include "base/err.h"
#include "control/users/login.h"
#include "db/db.h"
#include "http/server.h"
#include "http/static.h"
#include "hub/hub.h"
#include "relay/relay.h"

#include <stdbool.h>
#include <stddef.h>

struct api;

/* Pointers are borrowed for the api's life, texts are copied. */
struct api_options {
    struct db *db;
    struct hub *hub;
    struct relay *relay;
    struct keyring *keyring;
    const struct http_static *assets; /* the page (ui_assets.h); NULL: none */
    const char *public_url;           /* "https://desk.example.org"; NULL: what the request's Host says */
    bool tls;                         /* this server speaks https itself */
    const char *version;
    const char *bootstrap_key; /* AGENT_BOOTSTRAP_KEY, or NULL */
    const char *ready_agent;   /* /readyz is 200 only while this agent is online; NULL: not asked */
};

int api_create(struct api **ret, const struct api_options *options, struct err *err);
/* After http_server_stop(). Accepts NULL. */
void api_destroy(struct api *api);

/* For struct http_server_options; `arg` is the api. */
void api_handler(void *arg, struct http_request *request);
size_t api_body_limit(void *arg, struct http_request *request);
void api_error(void *arg, struct http_request *request, const struct err *err);

/* Takes over settings that may change while it runs (setting_now): at first by api_create(), then by whoever
 * hears of a change. From any thread. */
void api_apply_settings(struct api *api);
/* From now on /readyz says 503: load balancers look elsewhere. Everything is served on. */
void api_drain(struct api *api);
/* Ends log streams that are followed and answers everything that still waits, so that http_server_stop() has
 * nothing to wait for; later requests get 503. */
void api_stop(struct api *api);

#endif
