/* Pictures of sessions: GET /sessions/{name}/screenshot.png. A display connection of its own, for one
 * framebuffer, on threads of its own: a slow display holds up neither requests nor sign-ins. */
#ifndef SS_API_SCREENSHOT_H
#define SS_API_SCREENSHOT_H

#include "base/err.h"
#include "base/str.h"
#include "relay/rfb_picture.h"

#define SCREENSHOT_MS 5000   /* for the display to answer, the stream's opening apart */
#define SCREENSHOTS_MAX 16   /* under way at a time */
#define SCREENSHOT_THREADS 2 /* each holds one picture: RFB_PICTURE_PIXELS_MAX × 4 bytes at most */
#define SCREENSHOT_BYTES_MAX (80 * 1024 * 1024)

struct call;
void session_screenshot(struct call *call);

/* Reads one picture from a display's socket (non-blocking), with `early` bytes first, for at most `limit_ms`.
 * ERR_UNAVAILABLE "display_timeout", "bad_display". */
int screenshot_read(int fd, const void *early, size_t early_length, int64_t limit_ms, struct rfb_picture *ret,
                    struct err *err);
/* Writes it as PNG (ISO/IEC 15948), 8 bits RGB. */
int screenshot_png(const struct rfb_picture *picture, struct strbuf *ret, struct err *err);

#endif
