/* The machine-readable contract, made from api/openapi.yaml when the program is built, and the page that
 * shows it to people (tools/api_docs.py, src/api/docs/). */
#include "api/call.h"
#include "api/openapi_asset.h"
#include "api/resources.h"

static void serve(struct call *call, const char *path) {
    const struct http_static files = {openapi_assets, openapi_assets_count};
    call_headers(call);
    if (http_static_reply(call->request, &files, path)) {
        call_account(call, 200);
        return;
    }
    struct err err = {0};
    err_set(&err, ERR_NOT_FOUND, NULL, "there is nothing at this path");
    call_problem(call, &err);
}

void openapi_get(struct call *call) {
    serve(call, "/api/openapi.json");
}

void api_docs_get(struct call *call) {
    serve(call, "/api/docs/index.html");
}

void api_docs_file_get(struct call *call) {
    serve(call, http_path(call->request));
}
