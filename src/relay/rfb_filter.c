#include "relay/rfb_filter.h"

#include <stdio.h>
#include <string.h>

enum { VERSION_SIZE = 12, CHALLENGE_SIZE = 16 };
enum { SECURITY_NONE = 1, SECURITY_VNC = 2 };

#define ENCODING_MORE_BUTTONS (-316) /* a pointer event may be a byte longer */
#define POINTER_IS_LONG 0x80
#define CLIPBOARD_NOTIFY (1u << 27)
#define CLIPBOARD_PROVIDE (1u << 28)
#define GII_BIG_ENDIAN 0x80

static uint32_t get16(const uint8_t *at) {
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at) {
    return get16(at) << 16 | get16(at + 2);
}

/* --- lengths --- */

/* Each says how long the head is as far as it is known (more than `have`: go on collecting), and what follows
 * it. */

static uint64_t encodings_rest(const uint8_t *head) {
    return 4 * (uint64_t)get16(head + 2);
}

/* A negative length announces the extended clipboard: flags first, and only those tell what it is. */
static bool is_extended_cut(const uint8_t *head) {
    return head[4] & 0x80;
}

static uint64_t cut_size(const uint8_t *head) {
    uint32_t length = get32(head + 4);
    return is_extended_cut(head) ? (uint64_t)UINT32_MAX + 1 - length : length;
}

static bool has_flags(const uint8_t *head) {
    return is_extended_cut(head) && cut_size(head) >= 4;
}

static uint64_t cut_rest(const uint8_t *head) {
    return cut_size(head) - (has_flags(head) ? 4 : 0);
}

static size_t cut_head(const struct rfb_filter *filter) {
    return filter->have >= 8 && has_flags(filter->head) ? 12 : 8;
}

/* What a client does by itself (its abilities, asking for what the display has) is no input. */
static bool cut_is_input(const uint8_t *head) {
    return !is_extended_cut(head) ||
           (has_flags(head) && (get32(head + 8) & (CLIPBOARD_NOTIFY | CLIPBOARD_PROVIDE)));
}

static size_t pointer_head(const struct rfb_filter *filter) {
    return filter->have >= 2 && filter->more_buttons && (filter->head[1] & POINTER_IS_LONG) ? 7 : 6;
}

static uint64_t fence_rest(const uint8_t *head) {
    return head[8];
}

static uint64_t screens_rest(const uint8_t *head) {
    return 16 * (uint64_t)head[6];
}

static uint64_t gii_rest(const uint8_t *head) {
    return (head[1] & GII_BIG_ENDIAN) ? get16(head + 2) : (uint64_t)head[3] << 8 | head[2];
}

static bool gii_is_input(const uint8_t *head) {
    return (head[1] & ~GII_BIG_ENDIAN) == 0; /* events; the rest is about devices */
}

/* 0: no such message. */
static size_t qemu_head(const struct rfb_filter *filter) {
    if (filter->have < 2)
        return 2;
    if (filter->head[1] == 0)
        return 12; /* a key with its scan code */
    if (filter->head[1] != 1)
        return 0;
    if (filter->have < 4)
        return 4;
    return get16(filter->head + 2) == 2 ? 10 : get16(filter->head + 2) < 2 ? 4 : 0; /* sound */
}

static bool qemu_is_input(const uint8_t *head) {
    return head[1] == 0;
}

static bool is_input(const uint8_t *head) {
    return true;
}

/* --- the messages --- */

struct message {
    uint8_t type;
    uint8_t head; /* bytes, the type among them; 0: `head_of` says it */
    bool passes;  /* for those who only look */
    size_t (*head_of)(const struct rfb_filter *filter);
    uint64_t (*rest)(const uint8_t *head); /* NULL: nothing */
    bool (*is_input)(const uint8_t *head); /* NULL: it is none */
};

enum { SET_ENCODINGS = 2, CLIENT_FENCE = 248 };

static const struct message messages[] = {
    {0, 20, .passes = true},                                                 /* SetPixelFormat */
    {SET_ENCODINGS, 4, .passes = true, .rest = encodings_rest},              /* … */
    {3, 10, .passes = true},                                                 /* FramebufferUpdateRequest */
    {4, 8, .is_input = is_input},                                            /* KeyEvent */
    {5, 0, .head_of = pointer_head, .is_input = is_input},                   /* PointerEvent */
    {6, 0, .head_of = cut_head, .rest = cut_rest, .is_input = cut_is_input}, /* ClientCutText */
    {150, 10, .passes = true},                                               /* EnableContinuousUpdates */
    {CLIENT_FENCE, 9, .passes = true, .rest = fence_rest},                   /* … */
    {250, 4},                                                                /* xvp: power */
    {251, 8, .rest = screens_rest},                                          /* SetDesktopSize */
    {253, 4, .rest = gii_rest, .is_input = gii_is_input},                    /* gii: further devices */
    {255, 0, .head_of = qemu_head, .is_input = qemu_is_input},               /* QEMU: keys, sound */
};

static const struct message *find_message(uint8_t type) {
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
        if (messages[i].type == type)
            return &messages[i];
    return NULL;
}

/* --- heads --- */

static size_t head_size(const struct rfb_filter *filter) {
    switch (filter->stage) {
    case RFB_VERSION:
        return VERSION_SIZE;
    case RFB_SECURITY:
    case RFB_INIT:
        return 1;
    case RFB_AUTHENTICATION:
        return CHALLENGE_SIZE;
    default:
        break;
    }
    if (!filter->have)
        return 1;
    const struct message *message = find_message(filter->head[0]);
    if (!message)
        return 0;
    return message->head_of ? message->head_of(filter) : message->head;
}

/* NULL: good; else why not. */
static const char *take_handshake(struct rfb_filter *filter) {
    filter->passes = true;
    switch (filter->stage) {
    case RFB_VERSION:
        if (memcmp(filter->head, "RFB 003.007\n", VERSION_SIZE) != 0 &&
            memcmp(filter->head, "RFB 003.008\n", VERSION_SIZE) != 0)
            return "RFB 3.7 or 3.8 is needed";
        filter->stage = RFB_SECURITY;
        return NULL;
    case RFB_SECURITY:
        if (filter->head[0] != SECURITY_NONE && filter->head[0] != SECURITY_VNC)
            return "an unknown security type";
        filter->stage = filter->head[0] == SECURITY_VNC ? RFB_AUTHENTICATION : RFB_INIT;
        return NULL;
    case RFB_AUTHENTICATION:
        filter->stage = RFB_INIT;
        return NULL;
    default:
        if (filter->mode == RFB_VIEW)
            filter->head[0] = 1; /* shared */
        filter->stage = RFB_MESSAGES;
        return NULL;
    }
}

static const char *take_message(struct rfb_filter *filter, bool *ret_input) {
    const struct message *message = find_message(filter->head[0]);
    filter->passes = message->passes;
    filter->left = message->rest ? message->rest(filter->head) : 0;
    if (message->is_input && message->is_input(filter->head))
        *ret_input = true;
    if (message->type == SET_ENCODINGS) {
        filter->asked_more_buttons = false;
        filter->entry_have = 0;
        if (filter->left > 4 * RFB_ENCODINGS_MAX)
            return "too many encodings";
    }
    if (message->type == CLIENT_FENCE && filter->left > RFB_FENCE_MAX)
        return "a fence that is too long";
    return NULL;
}

/* The entries of SetEncodings: one of them changes how long a message is. */
static void read_encodings(struct rfb_filter *filter, const uint8_t *data, size_t count) {
    for (size_t i = 0; i < count; i++) {
        filter->entry[filter->entry_have++] = data[i];
        if (filter->entry_have < 4)
            continue;
        filter->entry_have = 0;
        if (get32(filter->entry) == (uint32_t)ENCODING_MORE_BUTTONS)
            filter->asked_more_buttons = true;
    }
}

static void end_message(struct rfb_filter *filter) {
    if (filter->stage == RFB_MESSAGES && filter->head[0] == SET_ENCODINGS)
        filter->more_buttons = filter->asked_more_buttons;
    filter->have = 0;
}

/* Takes what belongs to the head; returns how many bytes it took, with *ret_whole when it is complete.
 * *ret_why when the client cannot be followed. */
static size_t collect(struct rfb_filter *filter, const uint8_t *data, size_t length, bool *ret_whole,
                      const char **ret_why) {
    size_t taken = 0, size;
    while ((size = head_size(filter)) > filter->have) {
        if (taken == length)
            return taken;
        filter->head[filter->have++] = data[taken++];
    }
    if (!size)
        *ret_why = "an unknown message";
    *ret_whole = size != 0;
    return taken;
}

static ptrdiff_t lose(struct rfb_filter *filter, size_t length, const char *why, bool *ret_input,
                      char reason[RFB_REASON_SIZE]) {
    bool of_message = filter->stage == RFB_MESSAGES;
    filter->stage = RFB_LOST;
    if (filter->mode == RFB_WATCH) {
        *ret_input = true;
        return (ptrdiff_t)length;
    }
    if (of_message)
        snprintf(reason, RFB_REASON_SIZE, "view only: %s (type %u)", why, filter->head[0]);
    else
        snprintf(reason, RFB_REASON_SIZE, "view only: %s", why);
    return -1;
}

ptrdiff_t rfb_filter(struct rfb_filter *filter, const uint8_t *data, size_t length, uint8_t *out,
                     bool *ret_input, char reason[RFB_REASON_SIZE]) {
    size_t at = 0, written = 0;
    if (filter->stage == RFB_LOST)
        return lose(filter, length, "an unknown message", ret_input, reason);
    while (at < length) {
        if (!filter->left) {
            bool whole = false;
            const char *why = NULL;
            at += collect(filter, data + at, length - at, &whole, &why);
            if (whole)
                why =
                    filter->stage == RFB_MESSAGES ? take_message(filter, ret_input) : take_handshake(filter);
            if (why)
                return lose(filter, length, why, ret_input, reason);
            if (!whole)
                break;
            if (out && filter->passes) {
                memcpy(out + written, filter->head, filter->have);
                written += filter->have;
            }
        }
        size_t count = length - at < filter->left ? length - at : (size_t)filter->left;
        if (filter->head[0] == SET_ENCODINGS)
            read_encodings(filter, data + at, count);
        if (out && filter->passes && count) {
            memcpy(out + written, data + at, count);
            written += count;
        }
        at += count;
        filter->left -= count;
        if (!filter->left)
            end_message(filter);
    }
    return filter->mode == RFB_VIEW ? (ptrdiff_t)written : (ptrdiff_t)length;
}
