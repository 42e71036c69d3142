/* Whatever comes in: decode, encode what was understood, decode again. */
#include "fuzz.h"

#include "proto/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (int sender = PROTO_AGENT; sender <= PROTO_CONTROL; sender++) {
        struct err err = {0};
        _cleanup_proto_ struct proto_message message = {0};
        if (proto_decode((const char *)data, size, (enum proto_sender)sender, &message, &err) < 0 ||
            message.type == PROTO_UNKNOWN)
            continue;
        _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(PROTO_MESSAGE_MAX);
        _cleanup_proto_ struct proto_message again = {0};
        if (proto_encode(&message, &text, &err) == 0 &&
            proto_decode(text.data, text.length, (enum proto_sender)sender, &again, &err) < 0)
            abort();
    }
    return 0;
}
