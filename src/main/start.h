/* What `server`, its --check, `backup` and `restore` make of the settings that were told at start. */
#ifndef SS_MAIN_START_H
#define SS_MAIN_START_H

#include "base/err.h"
#include "http/proxies.h"
#include "http/tls.h"

/* Both owned by the caller (free). */
char *start_data_dir(void);
char *start_database_url(void);
/* *ret stays NULL when there is no TLS to be. */
int start_tls(struct http_tls **ret, struct err *err);
int start_proxies(struct http_proxies *ret, struct err *err);

/* `streamspace server --check`: prints what is so and what a start would do; 0 or 1 for exit. */
int server_check(void);

#endif
