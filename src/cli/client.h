/* A signed-in client: server address and tokens in a file of mode 0600, requests, refreshed tokens.
 *
 * The file is $XDG_CONFIG_HOME/streamspace/credentials.json (or ~/.config/…). STREAMSPACE_URL and
 * STREAMSPACE_TOKEN (a token or API key) replace it, for scripts.
 */
#ifndef SS_CLI_CLIENT_H
#define SS_CLI_CLIENT_H

#include "base/err.h"
#include "http/client.h"

#include <jansson.h>
#include <stdbool.h>

struct client {
    char *url; /* without a trailing slash */
    char *token;
    char *refresh_token; /* NULL for API keys */
    char *ca_file;       /* or NULL */
    bool from_environment;
};

/* Loads what login stored. ERR_UNAUTHENTICATED with a hint when there is nothing. */
int client_load(struct client *client, struct err *err);
/* Stores it (0600, directories 0700). */
int client_save(const struct client *client, struct err *err);
/* Removes the file. */
int client_forget(struct err *err);
void client_finish(struct client *client);

/* One API call. `body` is borrowed, may be NULL; *ret (may be NULL) is owned, NULL for an empty answer. An
 * expired token is refreshed once. Statuses from 400 on give an error with the problem's code and text. */
int client_call(struct client *client, const char *method, const char *path, json_t *body, json_t **ret,
                struct err *err);
/* The same with a body of any type. *ret (owned, may be NULL) is the answer in any case: with a status from
 * 400 on the problem, whose `fields` say more than the error's text. */
int client_send(struct client *client, const char *method, const char *path, const char *type,
                const char *text, size_t length, json_t **ret, struct err *err);
/* The raw answer of a GET (logs). `text` is initialised by the caller. */
int client_get_text(struct client *client, const char *path, struct strbuf *text, struct err *err);
/* Streams a GET to `fn` (see http_client_stream). */
int client_stream(struct client *client, const char *path, http_client_data_fn fn, void *arg,
                  struct err *err);

static inline void json_decref_p(json_t **value) {
    json_decref(*value);
}
#define _cleanup_json_ __attribute__((cleanup(json_decref_p)))
#define _cleanup_client_ __attribute__((cleanup(client_finish)))

#endif
