/* What a viewer who may only look says, whole and cut at places that the input chooses: the same passes, and
 * what passes is nothing but messages that pass. */
#include "fuzz.h"

#include "base/str.h"
#include "relay/rfb_filter.h"

#include <stdlib.h>
#include <string.h>

/* Returns what passed; *ret_lost when the client could not be followed. */
static size_t feed(enum rfb_mode mode, const uint8_t *data, size_t size, size_t step, uint8_t *to,
                   bool *ret_lost, bool *ret_input) {
    struct rfb_filter filter = {.mode = mode};
    char reason[RFB_REASON_SIZE] = "";
    size_t written = 0;
    *ret_lost = false;
    for (size_t at = 0; at < size && !*ret_lost; at += step) {
        size_t count = size - at < step ? size - at : step;
        uint8_t *piece = mem_dup(data + at, count); /* so that reading too far is seen */
        uint8_t *out = mode == RFB_VIEW ? mem_alloc(RFB_FILTER_ROOM(count)) : NULL;
        ptrdiff_t got = rfb_filter(&filter, piece, count, out, ret_input, reason);
        if (got < 0) {
            *ret_lost = true;
            if (!*reason || strlen(reason) >= RFB_REASON_SIZE)
                abort();
        } else if (out) {
            memcpy(to + written, out, (size_t)got);
            written += (size_t)got;
        } else if (got != (ptrdiff_t)count) {
            abort();
        }
        free(piece);
        free(out);
    }
    return written;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    size_t step = (size_t)data[0] + 1;
    data++;
    size--;
    uint8_t *whole = mem_alloc(RFB_FILTER_ROOM(size)), *cut = mem_alloc(RFB_FILTER_ROOM(size)),
            *again = mem_alloc(2 * RFB_FILTER_ROOM(size));
    bool lost = false, cut_lost = false, again_lost = false, input = false, cut_input = false,
         again_input = false;
    size_t length = feed(RFB_VIEW, data, size, size, whole, &lost, &input);
    size_t cut_length = feed(RFB_VIEW, data, size, step, cut, &cut_lost, &cut_input);
    if (lost != cut_lost || input != cut_input)
        abort();
    if (!lost && (length != cut_length || memcmp(whole, cut, length) != 0))
        abort();
    size_t again_length = feed(RFB_VIEW, cut, cut_length, step, again, &again_lost, &again_input);
    if (again_lost || again_input || again_length > cut_length || memcmp(again, cut, again_length) != 0)
        abort();
    /* Only the rest of a message that has begun may be kept back: here heads are whole, so nothing is. */
    if (again_length != cut_length)
        abort();
    feed(RFB_WATCH, data, size, step, NULL, &lost, &input);
    free(whole);
    free(cut);
    free(again);
    return 0;
}
