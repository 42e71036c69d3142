#include "agent/journal_record.h"

#include "base/clock.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#define CRC_DIGITS 8

static const char *const state_names[] = {
    [JOURNAL_ACCEPTED] = "accepted",
    [JOURNAL_COMPLETED] = "completed",
    [JOURNAL_FAILED] = "failed",
    [JOURNAL_FORGOTTEN] = "forgotten",
};

uint32_t crc32_ieee(const void *data, size_t length) {
    /* A table of 16 for half bytes: small, and fast enough for lines of a few hundred bytes. */
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                       0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    const unsigned char *p = data;
    uint32_t crc = 0xffffffffU;
    while (length--) {
        crc ^= *p++;
        crc = table[crc & 15] ^ (crc >> 4);
        crc = table[crc & 15] ^ (crc >> 4);
    }
    return ~crc;
}

void journal_entry_free(struct journal_entry *entry) {
    if (!entry)
        return;
    free(entry->payload);
    free(entry->result);
    free(entry->error);
    free(entry);
}

static void put_text(json_t *object, const char *name, const char *text) {
    if (!str_empty(text))
        json_object_set_new(object, name, json_string(text));
}

/* Payload and result are kept as texts in the text: they are copied, never looked into. */
static json_t *entry_to_json(const struct journal_entry *entry, const char *boot) {
    json_t *object = json_object();
    put_text(object, "id", entry->id);
    json_object_set_new(object, "attempt", json_integer(entry->attempt));
    put_text(object, "state", state_names[entry->state]);
    if (entry->state == JOURNAL_FORGOTTEN)
        return object;
    put_text(object, "action", entry->action);
    put_text(object, "session", entry->session_id);
    json_object_set_new(object, "at", json_integer(entry->at_ms));
    if (entry->deadline_ms) {
        json_object_set_new(object, "deadline", json_integer(entry->deadline_ms));
        put_text(object, "boot", boot);
    }
    put_text(object, "payload", entry->payload);
    put_text(object, "result", entry->result);
    put_text(object, "error", entry->error);
    if (entry->retryable)
        json_object_set_new(object, "retryable", json_true());
    return object;
}

bool journal_record_write(struct strbuf *out, const struct journal_entry *entry, const char *boot) {
    json_t *object = entry_to_json(entry, boot);
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (!text)
        return false;
    size_t length = strlen(text);
    bool fits = length + CRC_DIGITS + 1 <= JOURNAL_LINE_MAX;
    if (fits) {
        strbuf_printf(out, "%08" PRIx32 " ", crc32_ieee(text, length));
        strbuf_append(out, text, length);
        strbuf_putc(out, '\n');
    }
    free(text);
    return fits && !out->overflow;
}

static bool take_text(json_t *object, const char *name, char *target, size_t size) {
    const char *text = json_string_value(json_object_get(object, name));
    return str_copy(target, size, text ? text : "");
}

static char *take_copy(json_t *object, const char *name) {
    return str_dup(json_string_value(json_object_get(object, name)));
}

static enum journal_state take_state(json_t *object) {
    const char *text = json_string_value(json_object_get(object, "state"));
    for (int i = JOURNAL_ACCEPTED; text && i <= JOURNAL_FORGOTTEN; i++)
        if (str_eq(text, state_names[i]))
            return (enum journal_state)i;
    return 0;
}

static struct journal_entry *entry_from_json(json_t *object, const char *boot) {
    struct journal_entry *entry = mem_zalloc(sizeof *entry);
    bool fine = take_text(object, "id", entry->id, sizeof entry->id) &&
                take_text(object, "action", entry->action, sizeof entry->action) &&
                take_text(object, "session", entry->session_id, sizeof entry->session_id);
    entry->attempt = json_integer_value(json_object_get(object, "attempt"));
    entry->state = take_state(object);
    entry->at_ms = json_integer_value(json_object_get(object, "at"));
    /* The clock that deadlines are told by begins anew with every boot. */
    if (str_eq(json_string_value(json_object_get(object, "boot")), boot))
        entry->deadline_ms = json_integer_value(json_object_get(object, "deadline"));
    entry->payload = take_copy(object, "payload");
    entry->result = take_copy(object, "result");
    entry->error = take_copy(object, "error");
    entry->retryable = json_is_true(json_object_get(object, "retryable"));
    entry->durable = true;
    if (fine && entry->state && *entry->id)
        return entry;
    journal_entry_free(entry);
    return NULL;
}

struct journal_entry *journal_record_read(const char *line, size_t length, const char *boot) {
    if (length < CRC_DIGITS + 3 || length > JOURNAL_LINE_MAX || line[CRC_DIGITS] != ' ')
        return NULL;
    char wanted[CRC_DIGITS + 1];
    const char *text = line + CRC_DIGITS + 1;
    length -= CRC_DIGITS + 1;
    snprintf(wanted, sizeof wanted, "%08" PRIx32, crc32_ieee(text, length));
    if (memcmp(wanted, line, CRC_DIGITS) != 0)
        return NULL;
    json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    struct journal_entry *entry = json_is_object(object) ? entry_from_json(object, boot) : NULL;
    json_decref(object);
    return entry;
}
