/* A line of the journal, as it came and with the right checksum put before it: what is read is written and
 * read again the same. */
#include "fuzz.h"

#include "agent/journal_record.h"

static void try_line(const char *line, size_t length) {
    struct journal_entry *entry = journal_record_read(line, length, "boot");
    if (!entry)
        return;
    struct strbuf out = STRBUF_MAX(JOURNAL_LINE_MAX * 2);
    if (journal_record_write(&out, entry, "boot")) {
        struct journal_entry *again = journal_record_read(out.data, out.length - 1, "boot");
        if (!again || !str_eq(entry->id, again->id) || entry->attempt != again->attempt ||
            entry->state != again->state)
            abort();
        journal_entry_free(again);
    }
    strbuf_finish(&out);
    journal_entry_free(entry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct strbuf line = STRBUF_MAX(JOURNAL_LINE_MAX);
    try_line((const char *)data, size);
    strbuf_printf(&line, "%08x ", crc32_ieee(data, size));
    strbuf_append(&line, data, size);
    try_line(line.data, line.length);
    strbuf_finish(&line);
    return 0;
}
