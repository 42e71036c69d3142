#include "api/assets.h"

#include "api/call.h"

void assets_serve(struct call *call) {
    struct api *api = call->api;
    call_headers(call);
    if (api->assets && http_static_serve(call->request, api->assets)) {
        call_account(call, 200);
        return;
    }
    struct err err = {0};
    err_set(&err, ERR_NOT_FOUND, NULL, "there is nothing at this path");
    call_problem(call, &err);
}
