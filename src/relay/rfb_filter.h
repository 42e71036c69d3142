/* What a viewer says to a display: the client's half of RFB (RFC 6143 and the extensions in the community's
 * rfbproto: fence, continuous updates, SetDesktopSize, xvp, gii, QEMU, extended clipboard).
 *
 * In RFB_VIEW it is a filter: handshake, SetPixelFormat, SetEncodings, FramebufferUpdateRequest, ClientFence
 * and EnableContinuousUpdates pass, every other known message is dropped as a whole, an unknown one is an
 * error, since nobody knows where it ends. Nothing passes before its head is whole and its length known, so
 * that what the display gets is a sequence of those messages and of nothing else, whatever the client says.
 * ClientInit asks for a shared display in any case: looking never throws others out.
 *
 * In RFB_WATCH everything passes as it is; the parser only tells input from the rest. A client that says
 * something unknown (or speaks RFB 3.3, where it is the server who chooses) cannot be followed: all its bytes
 * count as input from there on.
 *
 * A pure parser: pointer and length in, no I/O, constant memory, messages may be cut anywhere.
 */
#ifndef SS_RELAY_RFB_FILTER_H
#define SS_RELAY_RFB_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RFB_ENCODINGS_MAX 1024 /* in one SetEncodings */
#define RFB_FENCE_MAX 64       /* payload of a fence, as the extension has it */
#define RFB_HEAD_MAX 20        /* bytes of the longest head: SetPixelFormat */
#define RFB_REASON_SIZE 96

/* Room that rfb_filter() needs in `out` for `length` bytes. */
#define RFB_FILTER_ROOM(length) ((length) + RFB_HEAD_MAX)

enum rfb_mode { RFB_WATCH, RFB_VIEW };

enum rfb_stage { RFB_VERSION, RFB_SECURITY, RFB_AUTHENTICATION, RFB_INIT, RFB_MESSAGES, RFB_LOST };

/* Zero-initialise, then set `mode`. */
struct rfb_filter {
    enum rfb_mode mode;
    enum rfb_stage stage;
    uint8_t head[RFB_HEAD_MAX]; /* of the message that has begun */
    size_t have;
    uint64_t left; /* bytes to come behind the head */
    bool passes;   /* … go to the display */
    bool more_buttons, asked_more_buttons;
    uint8_t entry[4]; /* of SetEncodings, as far as it has come */
    size_t entry_have;
};

/* Takes `length` bytes as the client sent them. In RFB_VIEW what may pass is written to `out` (not `data`;
 * RFB_FILTER_ROOM(length) bytes) and its length returned, or -1 with `reason` (RFB_REASON_SIZE bytes, for
 * people) when the client cannot be followed: nothing of it may be sent any more. In RFB_WATCH `out` is not
 * used (NULL) and the answer is `length`. *ret_input is set when a key, the pointer or the clipboard was
 * used, and left alone otherwise. */
ptrdiff_t rfb_filter(struct rfb_filter *filter, const uint8_t *data, size_t length, uint8_t *out,
                     bool *ret_input, char reason[RFB_REASON_SIZE]);

#endif
