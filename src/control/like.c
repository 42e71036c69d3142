#include "control/like.h"

#include "base/str.h"

char *like_pattern(const char *text) {
    if (!text)
        return NULL;
    struct strbuf out = STRBUF_MAX(2 * LIKE_TEXT_MAX + 2);
    strbuf_putc(&out, '%');
    for (size_t i = 0; text[i] && i < LIKE_TEXT_MAX; i++) {
        if (strchr("%_\\", text[i]))
            strbuf_putc(&out, '\\');
        strbuf_putc(&out, text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i]);
    }
    strbuf_putc(&out, '%');
    return strbuf_steal(&out);
}
