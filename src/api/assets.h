/* The page: whatever is no route and not below /api/. */
#ifndef SS_API_ASSETS_H
#define SS_API_ASSETS_H

struct call;

/* An asset, the page itself for paths that a person navigates to, or 404. */
void assets_serve(struct call *call);

#endif
