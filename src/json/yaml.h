/* YAML as JSON values (over libyaml): what configuration files are written in, and no more of the language
 * than that takes.
 *
 * Read is UTF-8 text of YAML 1.2's core schema with these limits: at most YAML_TEXT_MAX bytes, YAML_DEPTH_MAX
 * levels, YAML_NODES_MAX values, keys of YAML_KEY_MAX bytes; a key twice in one mapping, keys that are no
 * text, anchors, aliases, tags and NUL are refused. Plain `true`, `false`, `null`, `~`, decimal integers and
 * decimal fractions are what they look like; everything else is text, `yes`, `0x10` and `010` included.
 *
 * Every value keeps its place, so that whoever checks the values can name line and column.
 */
#ifndef SS_JSON_YAML_H
#define SS_JSON_YAML_H

#include "base/str.h"

#include <jansson.h>
#include <stddef.h>

#define YAML_TEXT_MAX (1024 * 1024)
#define YAML_DEPTH_MAX 32
#define YAML_NODES_MAX 50000
#define YAML_KEY_MAX 256

/* Where a value stands; lines and columns count from 1. */
struct yaml_place {
    unsigned line, column;
    char *key; /* of a mapping's member, and where that stands; NULL in lists */
    unsigned key_line, key_column;
    struct yaml_place *items; /* members or list items, in the order of the text */
    size_t count;
};
/* Of a member / a list item; NULL when there is none (or `place` is NULL). */
const struct yaml_place *yaml_place_member(const struct yaml_place *place, const char *key);
const struct yaml_place *yaml_place_item(const struct yaml_place *place, size_t index);

struct yaml_document {
    json_t *value;
    struct yaml_place place;
};
struct yaml_documents {
    struct yaml_document *items;
    size_t count;
};
void yaml_documents_finish(struct yaml_documents *documents);

struct yaml_fault {
    unsigned line, column; /* 0: not known */
    char message[192];
};

/* Reads all documents; empty ones are left out. -1: *fault says what and where; `ret` is empty then. More
 * than `documents_max` are a fault. */
int yaml_read(const char *text, size_t length, size_t documents_max, struct yaml_documents *ret,
              struct yaml_fault *fault);

/* Appends one document ("---" before it when the buffer is not empty), in block style, which yaml_read()
 * reads as an equal value. False when the buffer's maximum was too small or a text is not UTF-8. */
bool yaml_write(const json_t *value, struct strbuf *out);

#endif
