/* Keys that sign access tokens: seen, and replaced, by administrators. The keys themselves are never shown.
 */
#include "api/call.h"
#include "api/resources.h"

static void write_key(const struct signing_key_info *key, bool signs, struct json_writer *w) {
    jsonw_object_begin(w);
    jsonw_put_string(w, "kid", key->kid);
    jsonw_put_bool(w, "signs", signs);
    jsonw_put_string(w, "createdAt", key->created_at);
    jsonw_put_string(w, "retiredAt", *key->retired_at ? key->retired_at : NULL);
    jsonw_object_end(w);
}

void signing_key_list_get(struct call *call) {
    struct signing_key_info keys[SIGNING_KEYS_SHOWN];
    size_t count = 0;
    struct err err = {0};
    if (signing_keys_list(call->conn, keys, &count, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    jsonw_object_begin(&w);
    jsonw_put_array(&w, "signingKeys");
    for (size_t i = 0; i < count; i++)
        write_key(&keys[i], i == 0, &w);
    jsonw_array_end(&w);
    call_list_end(&w, (int64_t)count, NULL);
    jsonw_object_end(&w);
    call_json(call, 200, &w);
}

void signing_key_post(struct call *call) {
    struct signing_key_info made;
    struct err err = {0};
    if (keyring_rotate(call->api->keyring, call->conn, &call->actor, &made, &err) < 0) {
        call_problem(call, &err);
        return;
    }
    struct strbuf text = STRBUF_MAX(ANSWER_MAX);
    struct json_writer w = JSON_WRITER(&text);
    write_key(&made, true, &w);
    call_json(call, 201, &w);
}
