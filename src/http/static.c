#include "http/static.h"

#include "base/cleanup.h"
#include "base/str.h"

#include <strings.h>
#include <zlib.h>

static const struct http_asset *find(const struct http_static *files, const char *path) {
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->assets[i].path, path) == 0)
            return &files->assets[i];
    return NULL;
}

/* The weight that an Accept-Encoding header gives to gzip, as "is it not zero" (RFC 9110 section 12.4.2). */
static bool accepts_gzip(const char *header) {
    bool any = false;
    while (header && *header) {
        header += strspn(header, " \t,");
        size_t length = strcspn(header, ",");
        size_t name = strcspn(header, ",; \t");
        _cleanup_free_ char *item = str_ndup(header, length);
        const char *q = strcasestr(item + name, "q=");
        bool wanted = !q || strtod(q + 2, NULL) > 0;
        if ((name == 4 && strncasecmp(header, "gzip", 4) == 0) ||
            (name == 6 && strncasecmp(header, "x-gzip", 6) == 0))
            return wanted;
        if (name == 1 && *header == '*')
            any = wanted;
        header += length;
    }
    return any;
}

/* If-None-Match: weak comparison, a list, or "*". */
static bool matches(const char *header, const char *etag) {
    while (header && *header) {
        header += strspn(header, " \t,");
        size_t length = strcspn(header, ",");
        while (length && (header[length - 1] == ' ' || header[length - 1] == '\t'))
            length--;
        if (length == 1 && *header == '*')
            return true;
        size_t weak = length > 2 && header[0] == 'W' && header[1] == '/' ? 2 : 0;
        if (length - weak == strlen(etag) && memcmp(header + weak, etag, length - weak) == 0)
            return true;
        header += strcspn(header, ",");
    }
    return false;
}

static int decompress(const struct http_asset *asset, struct strbuf *out) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)asset->data, .avail_in = (uInt)asset->length};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return -1;
    int code;
    do {
        Bytef block[32 * 1024];
        stream.next_out = block;
        stream.avail_out = sizeof block;
        code = inflate(&stream, Z_NO_FLUSH);
        strbuf_append(out, block, sizeof block - stream.avail_out);
    } while (code == Z_OK && !out->overflow);
    inflateEnd(&stream);
    return code == Z_STREAM_END ? 0 : -1;
}

static void send_asset(struct http_request *request, const struct http_asset *asset) {
    http_add_header(request, "ETag", asset->etag);
    http_add_header(request, "Cache-Control",
                    asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (asset->gzip)
        http_add_header(request, "Vary", "Accept-Encoding");
    if (matches(http_header(request, "If-None-Match"), asset->etag)) {
        http_reply(request, 304, NULL, NULL, 0);
        return;
    }
    if (!asset->gzip) {
        http_reply_static(request, 200, asset->type, asset->data, asset->length);
        return;
    }
    if (accepts_gzip(http_header(request, "Accept-Encoding"))) {
        http_add_header(request, "Content-Encoding", "gzip");
        http_reply_static(request, 200, asset->type, asset->data, asset->length);
        return;
    }
    _cleanup_strbuf_ struct strbuf plain = STRBUF_MAX(HTTP_ASSET_MAX);
    if (decompress(asset, &plain) < 0)
        http_reply(request, 500, NULL, NULL, 0);
    else
        http_reply(request, 200, asset->type, plain.data, plain.length);
}

bool http_static_reply(struct http_request *request, const struct http_static *files, const char *path) {
    const struct http_asset *asset = strcmp(http_method(request), "GET") == 0 ? find(files, path) : NULL;
    if (asset)
        send_asset(request, asset);
    return asset != NULL;
}

/* A browser's navigation: it lists text/html, which scripts' and images' requests do not. */
static bool is_navigation(const struct http_request *request) {
    const char *accept = http_header(request, "Accept");
    const char *slash = strrchr(http_path(request), '/');
    return accept && strcasestr(accept, "text/html") && slash && !strchr(slash, '.');
}

bool http_static_serve(struct http_request *request, const struct http_static *files) {
    const char *path = http_path(request);
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    if (http_static_reply(request, files, path))
        return true;
    return is_navigation(request) && http_static_reply(request, files, "/index.html");
}
