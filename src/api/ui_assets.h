/* The page's files, for struct api_options: made by tools/embed.py from ui/dist, or from a page that says
 * that it was left out (-Dui=disabled). */
#ifndef SS_API_UI_ASSETS_H
#define SS_API_UI_ASSETS_H

#include "http/static.h"

extern const struct http_asset ui_assets[];
extern const size_t ui_assets_count;

#endif
