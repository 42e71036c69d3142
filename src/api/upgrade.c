#include "api/upgrade.h"

#include "api/call.h"

#include <strings.h>

void upgraded_close(void *arg) {
    http_upgraded_close(arg);
}

int upgrade_websocket(struct call *call, const char *subprotocol, struct err *err) {
    char accept[29];
    const char *upgrade = http_header(call->request, "Upgrade");
    if (!upgrade || strcasecmp(upgrade, "websocket") != 0 || !str_eq(http_method(call->request), "GET")) {
        http_add_header(call->request, "Upgrade", "websocket");
        return err_set(err, ERR_INVALID, "upgrade_required", "this is opened as a WebSocket");
    }
    if (http_websocket_accept(call->request, accept, err) < 0)
        return -1;
    http_add_header(call->request, "Sec-WebSocket-Accept", accept);
    const char *offered = http_header(call->request, "Sec-WebSocket-Protocol");
    _cleanup_strv_ struct strv names = {0};
    if (subprotocol && offered && strlen(offered) < 1024)
        strv_split(&names, offered, ',');
    if (subprotocol && strv_contains(&names, subprotocol))
        http_add_header(call->request, "Sec-WebSocket-Protocol", subprotocol);
    return 0;
}
