#include "control/json_text.h"

#include "base/str.h"
#include "json/fields.h"

char *json_text(const json_t *value) {
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    return text ? text : str_dup("{}");
}

json_t *json_object_of(const char *text) {
    json_t *value = NULL;
    if (!text || json_decode(text, strlen(text), &value, NULL) < 0)
        return NULL;
    if (!json_is_object(value)) {
        json_decref(value);
        return NULL;
    }
    return value;
}

void text_cut(char *target, size_t size, const char *text) {
    size_t length = strlen(text);
    if (length >= size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(target, text, length);
    target[length] = '\0';
}
