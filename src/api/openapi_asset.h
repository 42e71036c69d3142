/* Made by tools/embed.py. */
#ifndef SS_API_OPENAPI_ASSET_H
#define SS_API_OPENAPI_ASSET_H

#include "http/static.h"

extern const struct http_asset openapi_assets[];
extern const size_t openapi_assets_count;

#endif
