#include "agent/local/status.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <sys/socket.h>

/* Copies what may be shown to people: no control characters, whole UTF-8 characters. */
static void copy_text(char *target, size_t size, const json_t *value) {
    const char *text = json_string_value(value);
    str_copy(target, size, text ? text : "");
    while (*target && !str_is_utf8(target, strlen(target))) /* the cut may have gone through a character */
        target[strlen(target) - 1] = '\0';
    for (char *p = target; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
}

bool status_parse(struct status *ret, const char *line, size_t length) {
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    const char *state = json_string_value(json_object_get(object, "state"));
    struct status status = {.failed = json_is_true(json_object_get(object, "failed"))};
    copy_text(status.stage, sizeof status.stage, json_object_get(object, "stage"));
    copy_text(status.reason, sizeof status.reason, json_object_get(object, "reason"));
    bool known = true;
    if (str_eq(state, "starting"))
        status.state = STATUS_STARTING;
    else if (str_eq(state, "running"))
        status.state = STATUS_RUNNING;
    else if (str_eq(state, "ended"))
        status.state = STATUS_ENDED;
    else
        known = false;
    json_decref(object);
    if (known)
        *ret = status;
    return known;
}

/* Takes the first line out of the buffer. */
static enum status_result take_line(struct status_reader *reader, size_t length, struct status *ret) {
    bool good = status_parse(ret, reader->buffer, length);
    reader->length -= length + 1;
    memmove(reader->buffer, reader->buffer + length + 1, reader->length);
    int64_t now = clock_ms();
    if (now - reader->window_start > STATUS_WINDOW_MS) {
        reader->window_start = now;
        reader->window_lines = 0;
    }
    return good && ++reader->window_lines <= STATUS_LINES_MAX ? STATUS_LINE : STATUS_BAD;
}

enum status_result status_read(struct status_reader *reader, int fd, struct status *ret) {
    for (;;) {
        const char *end = memchr(reader->buffer, '\n', reader->length);
        if (end)
            return take_line(reader, (size_t)(end - reader->buffer), ret);
        if (reader->length == sizeof reader->buffer)
            return STATUS_BAD;
        ssize_t got = recv(fd, reader->buffer + reader->length, sizeof reader->buffer - reader->length, 0);
        if (got > 0)
            reader->length += (size_t)got;
        else if (got == 0)
            return STATUS_CLOSED;
        else if (errno != EINTR)
            return errno == EAGAIN ? STATUS_LATER : STATUS_CLOSED;
    }
}
