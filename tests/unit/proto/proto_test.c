#include "../test.h"

#include "base/cleanup.h"
#include "proto/proto.h"

/* Decodes a text literal. */
static int decode(const char *text, enum proto_sender sender, struct proto_message *ret, struct err *err) {
    return proto_decode(text, strlen(text), sender, ret, err);
}

/* A value that the field's check takes. */
static const char *sample_text(const struct proto_field *field) {
    static const char *const samples[] = {"word",       "cmd-0123456789abcdef",
                                          "user-app-1", "0123456789abcdef0123456789abcdef",
                                          "/a/path",    "Token-1.2"};
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
        if (!field->check || field->check(samples[i]))
            return samples[i];
    fail_msg("no sample for %s", field->name);
    return NULL;
}

static void fill(const struct proto_field *fields, char *base) {
    for (const struct proto_field *field = fields; field->name; field++) {
        char *target = base + field->offset;
        if (field->flags & PROTO_READ_ONLY)
            continue;
        switch (field->kind) {
        case PROTO_TEXT:
            assert_true(str_copy(target, field->size, sample_text(field)));
            break;
        case PROTO_INT:
            *(int64_t *)(void *)target = field->min > 7 ? field->min : 7;
            break;
        case PROTO_NUMBER:
            *(double *)(void *)target = 0.25;
            break;
        case PROTO_BOOL:
            *(bool *)target = true;
            break;
        case PROTO_CPU:
            *(int64_t *)(void *)target = 1500;
            break;
        case PROTO_BYTES:
            *(int64_t *)(void *)target = 3 << 20;
            break;
        case PROTO_JSON:
            *(json_t **)(void *)target = json_pack("{s:s, s:[i]}", "a", "ä\"\\", "b", 1);
            break;
        case PROTO_TEXTS:
            strv_add((void *)target, "freeze");
            break;
        case PROTO_OBJECT:
            fill(field->fields, target);
            break;
        case PROTO_LIST: {
            char *items = mem_zalloc(2 * field->size);
            fill(field->fields, items);
            fill(field->fields, items + field->size);
            size_t two = 2;
            memcpy(target, &items, sizeof items);
            memcpy(base + field->count_offset, &two, sizeof two);
            break;
        }
        }
    }
}

/* Whatever the table describes goes out and comes back the same. */
static void every_message_survives_the_wire(void **state) {
    for (int type = PROTO_HELLO; type < PROTO_TYPES; type++) {
        const struct proto_row *row = &proto_table[type - 1];
        assert_int_equal(row->type, type);
        _cleanup_proto_ struct proto_message message = {.type = (enum proto_type)type};
        fill(row->fields, (char *)&message.hello);
        _cleanup_strbuf_ struct strbuf first = STRBUF_MAX(PROTO_MESSAGE_MAX);
        struct err err = {0};
        assert_int_equal(proto_encode(&message, &first, &err), 0);

        _cleanup_proto_ struct proto_message again = {0};
        enum proto_sender sender = row->senders & PROTO_AGENT ? PROTO_AGENT : PROTO_CONTROL;
        if (proto_decode(first.data, first.length, sender, &again, &err) < 0)
            fail_msg("%s: %s", row->name, err.message);
        assert_int_equal(again.type, type);
        assert_int_equal(again.ignored, 0);
        assert_true(again.timestamp > 0);
        _cleanup_strbuf_ struct strbuf second = STRBUF_MAX(PROTO_MESSAGE_MAX);
        assert_int_equal(proto_encode(&again, &second, &err), 0);
        const char *a = strstr(strbuf_str(&first), "\"payload\""),
                   *b = strstr(strbuf_str(&second), "\"payload\"");
        assert_string_equal(a, b);
    }
}

static void required_fields_are_missed_by_name(void **state) {
    for (size_t i = 0; i + 1 < PROTO_TYPES; i++) {
        const struct proto_row *row = &proto_table[i];
        const struct proto_field *required = NULL;
        for (const struct proto_field *field = row->fields; field->name && !required; field++)
            if (field->flags & PROTO_REQUIRED)
                required = field;
        if (!required)
            continue;
        _cleanup_free_ char *text = str_format("{\"type\":\"%s\",\"payload\":{}}", row->name);
        struct proto_message message = {0};
        struct err err = {0};
        assert_int_equal(
            decode(text, row->senders & PROTO_AGENT ? PROTO_AGENT : PROTO_CONTROL, &message, &err), -1);
        assert_string_equal(err.field, required->name);
        assert_int_equal(proto_close_code(&err), PROTO_CLOSE_POLICY);
    }
}

static void what_is_no_message_says_how_to_close(void **state) {
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"", 1007},
        {"{", 1007},
        {"nonsense", 1007},
        {"{\"type\":\"ack\",\"type\":\"ack\"}", 1007},
        {"\"\xff\"", 1007},
        {"[]", 1008},
        {"\"hello\"", 1007}, /* RFC 4627 parsers want an array or object */
        {"{}", 1008},
        {"{\"type\":1}", 1008},
        {"{\"type\":\"\"}", 1008},
        {"{\"type\":\"pong\",\"payload\":[]}", 1008},
        {"{\"type\":\"pong\",\"payload\":{\"nonce\":5}}", 1008},
        {"{\"type\":\"ack\",\"payload\":{\"commandId\":\"../etc\",\"attempt\":1}}", 1008},
        {"{\"type\":\"ack\",\"payload\":{\"commandId\":\"cmd-0123abcd\",\"attempt\":0}}", 1008},
        {"{\"type\":\"ack\",\"payload\":{\"commandId\":\"cmd-0123abcd\",\"attempt\":1.5}}", 1008},
        {"{\"type\":\"status\",\"payload\":{\"sessionId\":\"A b\",\"state\":\"running\"}}", 1008},
        {"{\"type\":\"status\",\"payload\":{\"sessionId\":\"a\",\"state\":\"running\",\"usage\":{\"cpu\":\"-"
         "1\"}}}",
         1008},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct proto_message message = {0};
        struct err err = {0};
        assert_int_equal(decode(cases[i].text, PROTO_AGENT, &message, &err), -1);
        assert_int_equal(err.kind, ERR_INVALID);
        if (proto_close_code(&err) != cases[i].code)
            fail_msg("%s: %d (%s)", cases[i].text, proto_close_code(&err), err.message);
    }
}

static void unknown_types_and_fields_are_counted(void **state) {
    _cleanup_proto_ struct proto_message message = {0};
    assert_int_equal(
        decode("{\"type\":\"teleport\",\"payload\":{\"x\":1},\"extra\":1}", PROTO_AGENT, &message, NULL), 0);
    assert_int_equal(message.type, PROTO_UNKNOWN);
    assert_string_equal(message.type_text, "teleport");
    assert_int_equal(message.ignored, 1);
    proto_message_finish(&message);
    const char *text = "{\"type\":\"pong\",\"payload\":{\"nonce\":\"n\",\"a\":1,\"b\":null}}";
    assert_int_equal(decode(text, PROTO_AGENT, &message, NULL), 0);
    assert_int_equal(message.type, PROTO_PONG);
    assert_int_equal(message.ignored, 2);
}

/* An agent cannot send what only the control plane says. */
static void a_message_of_the_wrong_side_is_unknown(void **state) {
    for (size_t i = 0; i + 1 < PROTO_TYPES; i++) {
        const struct proto_row *row = &proto_table[i];
        enum proto_sender other = row->senders & PROTO_AGENT ? PROTO_CONTROL : PROTO_AGENT;
        if (row->senders & other)
            continue;
        _cleanup_free_ char *text = str_format("{\"type\":\"%s\",\"payload\":{}}", row->name);
        _cleanup_proto_ struct proto_message message = {0};
        assert_int_equal(decode(text, other, &message, NULL), 0);
        assert_int_equal(message.type, PROTO_UNKNOWN);
    }
}

static void bad_list_entries_do_not_spoil_the_rest(void **state) {
    const char *text =
        "{\"type\":\"hello\",\"payload\":{\"protocolVersion\":1,\"instanceId\":\"i\","
        "\"capabilities\":[\"freeze\",7],"
        "\"inventory\":[{\"sessionId\":\"a\",\"state\":\"running\"},{\"sessionId\":\"../b\","
        "\"state\":\"running\"},5,{\"sessionId\":\"c\",\"state\":\"starting\"}],"
        "\"commands\":[{\"commandId\":\"cmd-00000001\",\"attempt\":2,\"state\":\"accepted\"}]}}";
    _cleanup_proto_ struct proto_message message = {0};
    struct err err = {0};
    assert_int_equal(decode(text, PROTO_AGENT, &message, &err), 0);
    assert_int_equal(message.hello.inventory_count, 2);
    assert_string_equal(message.hello.inventory[1].session_id, "c");
    assert_int_equal(message.hello.capabilities.count, 1);
    assert_int_equal(message.hello.open_command_count, 1);
    assert_int_equal(message.hello.open_commands[0].attempt, 2);
    assert_int_equal(message.ignored, 3);
}

static void quantities_come_as_text_or_number(void **state) {
    const char *text = "{\"type\":\"heartbeat\",\"payload\":{\"status\":\"online\",\"activeSessions\":3,"
                       "\"capacity\":{\"maxSessions\":100,\"cpu\":2,\"memory\":\"4Gi\"},"
                       "\"load\":{\"cpu\":1,\"memory\":0.5}}}";
    _cleanup_proto_ struct proto_message message = {0};
    assert_int_equal(decode(text, PROTO_AGENT, &message, NULL), 0);
    assert_int_equal(message.heartbeat.capacity.cpu_millis, 2000);
    assert_true(message.heartbeat.capacity.memory_bytes == 4LL << 30);
    assert_true(message.heartbeat.load.memory > 0.49 && message.heartbeat.load.memory < 0.51);
}

/* Texts for people are cut at a character; ids are refused. */
static void long_texts_are_cut_and_long_ids_refused(void **state) {
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(8192);
    strbuf_puts(
        &text,
        "{\"type\":\"failed\",\"payload\":{\"commandId\":\"cmd-00000001\",\"attempt\":1,\"error\":\"x");
    for (int i = 0; i < 1000; i++)
        strbuf_puts(&text, "ä");
    strbuf_puts(&text, "\",\"retryable\":true}}");
    _cleanup_proto_ struct proto_message message = {0};
    assert_int_equal(proto_decode(text.data, text.length, PROTO_AGENT, &message, NULL), 0);
    assert_int_equal(strlen(message.failed.error), PROTO_REASON_SIZE - 1);
    assert_true(str_is_utf8(message.failed.error, strlen(message.failed.error)));
    proto_message_finish(&message);
    strbuf_clear(&text);
    strbuf_puts(&text, "{\"type\":\"pong\",\"payload\":{\"nonce\":\"");
    for (int i = 0; i < PROTO_NAME_SIZE; i++)
        strbuf_putc(&text, 'n');
    strbuf_puts(&text, "\"}}");
    assert_int_equal(proto_decode(text.data, text.length, PROTO_AGENT, &message, NULL), -1);
}

static void messages_over_the_limit_are_refused_both_ways(void **state) {
    struct err err = {0};
    size_t size = PROTO_MESSAGE_MAX;
    _cleanup_free_ char *large = mem_alloc(size + 1);
    memset(large, 'x', size);
    large[size] = '\0';
    _cleanup_proto_ struct proto_message message = {.type = PROTO_COMMAND};
    message.command.payload = json_pack("{s:s}", "template", large);
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(PROTO_MESSAGE_MAX);
    strbuf_puts(&text, "before");
    assert_int_equal(proto_encode(&message, &text, &err), -1);
    assert_int_equal(err.kind, ERR_TOO_LARGE);
    assert_string_equal(strbuf_str(&text), "before");
    assert_true(strbuf_putc(&text, '!'));
    struct proto_message none = {0};
    assert_int_equal(proto_decode(large, size + 1, PROTO_AGENT, &none, &err), -1);
}

static void empty_optional_fields_are_left_out(void **state) {
    struct proto_message message = {.type = PROTO_STATUS};
    str_copy(message.status.session_id, sizeof message.status.session_id, "s");
    str_copy(message.status.state, sizeof message.status.state, "starting");
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(PROTO_MESSAGE_MAX);
    assert_int_equal(proto_encode(&message, &text, NULL), 0);
    assert_null(strstr(strbuf_str(&text), "usage"));
    assert_null(strstr(strbuf_str(&text), "reason"));
    assert_null(strstr(strbuf_str(&text), "platformMetadata"));
    assert_non_null(strstr(strbuf_str(&text), "\"vncReady\":false"));
    struct proto_message unknown = {0};
    assert_int_equal(proto_encode(&unknown, &text, NULL), -1);
}

/* Cut anywhere, a message is refused, never half read. */
static void truncated_messages_are_refused(void **state) {
    const char *text = "{\"type\":\"ack\",\"payload\":{\"commandId\":\"cmd-00000001\",\"attempt\":1}}";
    for (size_t length = 0; length < strlen(text); length++) {
        struct proto_message message = {0};
        _cleanup_free_ char *copy = mem_dup(text, length ? length : 1); /* exact, for the address sanitizer */
        assert_int_equal(proto_decode(copy, length, PROTO_AGENT, &message, NULL), -1);
    }
}

static void stream_ids_pass_their_own_check(void **state) {
    struct proto_message message = {.type = PROTO_STREAM_ERROR};
    proto_make_stream_id(message.stream_error.stream_id);
    _cleanup_strbuf_ struct strbuf text = STRBUF_MAX(PROTO_MESSAGE_MAX);
    assert_int_equal(proto_encode(&message, &text, NULL), 0);
    struct proto_message again = {0};
    assert_int_equal(proto_decode(text.data, text.length, PROTO_AGENT, &again, NULL), 0);
    assert_string_equal(again.stream_error.stream_id, message.stream_error.stream_id);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_survives_the_wire),
        cmocka_unit_test(required_fields_are_missed_by_name),
        cmocka_unit_test(what_is_no_message_says_how_to_close),
        cmocka_unit_test(unknown_types_and_fields_are_counted),
        cmocka_unit_test(a_message_of_the_wrong_side_is_unknown),
        cmocka_unit_test(bad_list_entries_do_not_spoil_the_rest),
        cmocka_unit_test(quantities_come_as_text_or_number),
        cmocka_unit_test(long_texts_are_cut_and_long_ids_refused),
        cmocka_unit_test(messages_over_the_limit_are_refused_both_ways),
        cmocka_unit_test(empty_optional_fields_are_left_out),
        cmocka_unit_test(truncated_messages_are_refused),
        cmocka_unit_test(stream_ids_pass_their_own_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
