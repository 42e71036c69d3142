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
