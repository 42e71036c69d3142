/* A browser's WebSocket frames, cut at places that the input chooses. */
#include "fuzz.h"

#include "base/str.h"
#include "relay/frames.h"

#include <stdlib.h>
#include <string.h>

static void on_control(void *arg, enum frame_opcode opcode, const uint8_t *payload, size_t length) {
    uint64_t *sum = arg;
    for (size_t i = 0; i < length; i++)
        *sum += payload[i];
    if (length > FRAME_CONTROL_MAX || opcode < FRAME_CLOSE)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    size_t step = (size_t)data[0] + 1;
    struct frame_parser parser = {0};
    uint64_t sum = 0;
    uint8_t *piece = mem_alloc(step);
    for (size_t at = 1; at < size; at += step) {
        size_t count = size - at < step ? size - at : step;
        memcpy(piece, data + at, count);
        int code = 0;
        ptrdiff_t payload = frame_parse(&parser, piece, count, 1 << 20, on_control, &sum, &code);
        if (payload < 0 && (code < 1000 || code > 1011))
            abort();
        if (payload > (ptrdiff_t)count)
            abort();
        if (payload < 0)
            break;
    }
    free(piece);
    return 0;
}
