/* The machine-readable contract, made from api/openapi.yaml when the program is built. */
#include "api/call.h"
#include "api/openapi_asset.h"
#include "api/resources.h"

void openapi_get(struct call *call) {
    call_account(call, 200);
    const struct http_static files = {openapi_assets, openapi_assets_count};
    if (!http_static_reply(call->request, &files, "/api/openapi.json"))
        http_reply(call->request, 404, NULL, NULL, 0);
}
