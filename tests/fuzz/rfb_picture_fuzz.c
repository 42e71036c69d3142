/* A display that says what it likes, whole and cut at places that the input chooses: the same comes of it. */
#include "fuzz.h"

#include "relay/rfb_picture.h"

#include <stdlib.h>
#include <string.h>

struct outcome {
    int result;
    size_t said;
    uint32_t width, height;
    size_t covered;
};

/* Sums the pixels up, so that each is read. */
static struct outcome feed(const uint8_t *data, size_t size, size_t step) {
    struct rfb_picture picture = {0};
    struct strbuf say = STRBUF_MAX(1 << 20);
    struct err err = {0};
    int result = 0;
    for (size_t at = 0; at < size && result == 0; at += step) {
        size_t count = size - at < step ? size - at : step;
        uint8_t *piece = mem_dup(data + at, count);
        result = rfb_picture_feed(&picture, piece, count, &say, &err);
        free(piece);
        if (result < 0 && (err.kind != ERR_UNAVAILABLE || !*err.message))
            abort();
    }
    struct outcome outcome = {result, say.length, picture.width, picture.height, picture.covered};
    if (result == 1 && picture.covered < (size_t)picture.width * picture.height)
        abort();
    rfb_picture_finish(&picture);
    strbuf_finish(&say);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct outcome whole = feed(data + 1, size - 1, size - 1),
                   cut = feed(data + 1, size - 1, (size_t)data[0] + 1);
    if (whole.result != cut.result || whole.said != cut.said || whole.width != cut.width ||
        whole.height != cut.height || whole.covered != cut.covered)
        abort();
    return 0;
}
