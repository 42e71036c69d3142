/* A server's certificate and key, from PEM files, that can be read anew while the server runs.
 *
 * There is one in a process: libmicrohttpd's callback has no argument of its own. What connections were begun
 * with is kept until the end.
 */
#ifndef SS_HTTP_TLS_H
#define SS_HTTP_TLS_H

#include "base/err.h"

#include <stdint.h>

#define HTTP_TLS_FILE_MAX (256 * 1024)
#define HTTP_TLS_CHAIN_MAX 16 /* certificates of one chain */
/* TLS 1.2 and 1.3 (GnuTLS priority string). */
#define HTTP_TLS_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct http_tls;

/* Reads and checks: the chain's first certificate must be the key's. ERR_INVALID saying what is wrong. */
int http_tls_load(struct http_tls **ret, const char *cert_file, const char *key_file, struct err *err);
/* Reads the files again; on failure what is in use stays. Connections from now on get the new ones. */
int http_tls_reload(struct http_tls *tls, struct err *err);
/* Wall clock in ms when the certificate in use ends. */
int64_t http_tls_expires(const struct http_tls *tls);
/* When no server uses it any more. Accepts NULL. */
void http_tls_free(struct http_tls *tls);

#endif
