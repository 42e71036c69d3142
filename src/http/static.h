/* Serving a table of embedded files: the web application's built assets.
 *
 * Assets are kept gzip-compressed (RFC 1952) where that pays and are sent so to clients that take it (RFC
 * 9110 section 12.5.3); for others they are decompressed on the way. ETag and If-None-Match (RFC 9110
 * section 13.1.2) save the body. Names with a hash in them are cached for ever, all others are asked for
 * again each time.
 */
#ifndef SS_HTTP_STATIC_H
#define SS_HTTP_STATIC_H

#include "http/server.h"

#define HTTP_ASSET_MAX (64 * 1024 * 1024) /* bytes of an asset when decompressed */

/* Everything lives as long as the process. */
struct http_asset {
    const char *path; /* "/assets/index-3f9a1c.js" */
    const char *type; /* "text/javascript; charset=utf-8" */
    const void *data;
    size_t length;
    bool gzip;        /* `data` is gzip-compressed */
    const char *etag; /* with its quotes: "\"3f9a…\"", of the content as it is decompressed */
    bool immutable;   /* its name changes with its content */
};

/* The table, in any order; found by path. */
struct http_static {
    const struct http_asset *assets;
    size_t count;
};

/* Answers a GET (or HEAD) for `path` (http_path(request), or another name for the same thing) from the table.
 * False, and no answer given, when there is no such asset. Headers added to the request before go out with
 * it. */
bool http_static_reply(struct http_request *request, const struct http_static *files, const char *path);

/* For a single-page application: as http_static_reply for the request's own path; a path that is no asset,
 * has no dot in its last part and is asked for as text/html (a person's navigation, not a missing script)
 * gets /index.html. False: nothing was answered. */
bool http_static_serve(struct http_request *request, const struct http_static *files);

#endif
