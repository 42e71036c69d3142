#include "main/start.h"

#include "base/str.h"
#include "control/settings/settings.h"
#include "main/main.h"

#include <stdlib.h>

char *start_data_dir(void) {
    const char *told = setting_start_text(SETTING_DATA_DIR);
    return told ? str_dup(told) : default_data_dir();
}

char *start_database_url(void) {
    const char *told = setting_start_text(SETTING_DATABASE);
    if (told)
        return str_dup(told);
    char *data_dir = start_data_dir(), *path = str_format("%s/streamspace.db", data_dir);
    free(data_dir);
    return path;
}

int start_tls(struct http_tls **ret, struct err *err) {
    const char *cert = setting_start_text(SETTING_TLS_CERT), *key = setting_start_text(SETTING_TLS_KEY);
    if (!cert && !key)
        return 0;
    if (!cert || !key)
        return err_set(err, ERR_INVALID, NULL, "--tls-cert and --tls-key go together");
    return http_tls_load(ret, cert, key, err);
}

int start_proxies(struct http_proxies *ret, struct err *err) {
    const char *text = setting_start_text(SETTING_TRUSTED_PROXIES);
    *ret = (struct http_proxies){.rfc7239 = str_eq(setting_start_text(SETTING_PROXY_HEADERS), "forwarded")};
    if (text && http_proxies_parse(ret, text, err) < 0)
        return err_wrap(err, "trusted-proxies");
    return 0;
}
