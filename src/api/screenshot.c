#include "api/screenshot.h"

#include "api/call.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <png.h>
#include <poll.h>
#include <setjmp.h>
#include <sys/socket.h>

/* --- reading --- */

static int say_all(int fd, struct strbuf *say, int64_t deadline) {
    for (size_t at = 0; at < say->length;) {
        ssize_t sent = send(fd, say->data + at, say->length - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            at += (size_t)sent;
            continue;
        }
        int64_t left = deadline - clock_ms();
        struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
        if ((errno != EAGAIN && errno != EINTR) || left <= 0 || poll(&poll_fd, 1, (int)left) < 0)
            return -1;
    }
    strbuf_clear(say);
    return 0;
}

static int broken(struct err *err) {
    return err_set(err, ERR_UNAVAILABLE, "display_timeout", "the display did not give a picture in time");
}

/* 1: some bytes; 0: none yet; -1: the end. */
static ssize_t hear(int fd, uint8_t *chunk, size_t size, int64_t deadline) {
    int64_t left = deadline - clock_ms();
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    if (left <= 0 || (poll(&poll_fd, 1, (int)left) < 0 && errno != EINTR))
        return -1;
    ssize_t got = recv(fd, chunk, size, MSG_DONTWAIT);
    if (got > 0)
        return got;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

int screenshot_read(int fd, const void *early, size_t early_length, int64_t limit_ms, struct rfb_picture *ret,
                    struct err *err) {
    enum { CHUNK = 64 * 1024 };
    int64_t deadline = clock_ms() + limit_ms;
    _cleanup_free_ uint8_t *chunk = mem_alloc(CHUNK);
    _cleanup_strbuf_ struct strbuf say = STRBUF_MAX(4096);
    int done = rfb_picture_feed(ret, early, early_length, &say, err);
    while (done == 0) {
        if (say_all(fd, &say, deadline) < 0)
            return broken(err);
        ssize_t got = hear(fd, chunk, CHUNK, deadline);
        if (got < 0)
            return broken(err);
        done = rfb_picture_feed(ret, chunk, (size_t)got, &say, err);
    }
    return done < 0 ? -1 : 0;
}

/* --- writing --- */

static void png_append(png_structp png, png_bytep data, png_size_t length) {
    if (!strbuf_append(png_get_io_ptr(png), (const char *)data, length))
        png_error(png, "too large");
}

static void png_nothing(png_structp png) {
}

/* libpng comes back here by longjmp when something fails: nothing is owned in this function. */
static int write_png(png_structp png, png_infop info, const struct rfb_picture *picture) {
    if (setjmp(png_jmpbuf(png)))
        return -1;
    png_set_IHDR(png, info, picture->width, picture->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, 3);
    png_write_info(png, info);
    png_set_filler(png, 0, PNG_FILLER_AFTER); /* the fourth byte of each pixel is not for the file */
    for (uint32_t y = 0; y < picture->height; y++)
        png_write_row(png, picture->pixels + (size_t)y * picture->width * 4);
    png_write_end(png, info);
    return 0;
}

int screenshot_png(const struct rfb_picture *picture, struct strbuf *ret, struct err *err) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    int status = -1;
    if (info) {
        png_set_write_fn(png, ret, png_append, png_nothing);
        status = write_png(png, info, picture);
    }
    png_destroy_write_struct(&png, &info);
    return status < 0 ? err_set(err, ERR_INTERNAL, NULL, "the picture could not be written") : 0;
}

/* --- the request --- */

struct shot {
    struct call *call;
    struct hub_socket socket;
    char *early;
};

static void close_socket(const struct hub_socket *socket) {
    if (socket->close)
        socket->close(socket->arg);
    else
        close_fd(socket->fd);
}

static void refuse(struct shot *shot, const struct err *err) {
    struct call *call = shot->call;
    atomic_fetch_sub(&call->api->screenshots, 1);
    call_problem(call, err);
    free(shot->early);
    free(shot);
}

/* On a thread of ours. */
static void take(void *arg) {
    struct shot *shot = arg;
    struct call *call = shot->call;
    struct err err = {0};
    struct rfb_picture picture = {0};
    _cleanup_strbuf_ struct strbuf file = STRBUF_MAX(SCREENSHOT_BYTES_MAX);
    int status = screenshot_read(shot->socket.fd, shot->early, shot->socket.early_length, SCREENSHOT_MS,
                                 &picture, &err);
    close_socket(&shot->socket);
    if (status == 0)
        status = screenshot_png(&picture, &file, &err);
    rfb_picture_finish(&picture);
    if (status < 0) {
        refuse(shot, &err);
        return;
    }
    atomic_fetch_sub(&call->api->screenshots, 1);
    free(shot->early);
    free(shot);
    call_text(call, 200, "image/png", file.data, file.length);
}

/* On the hub's thread. */
static void on_stream(void *arg, const struct hub_socket *socket, const struct err *err) {
    struct shot *shot = arg;
    if (!socket) {
        refuse(shot, err);
        return;
    }
    shot->socket = *socket;
    if (socket->early_length)
        shot->early = mem_dup(socket->early, socket->early_length);
    if (workers_submit(shot->call->api->painters, take, shot))
        return;
    struct err busy = {0};
    err_set(&busy, ERR_UNAVAILABLE, "busy", "too many pictures at once; try again in a moment");
    close_socket(&shot->socket);
    refuse(shot, &busy);
}

void session_screenshot(struct call *call) {
    struct err err = {0};
    const struct session *session = &call->session;
    if (!str_eq(session->protocol, "vnc"))
        err_set(&err, ERR_CONFLICT, "no_display", "this session has no display of its own");
    else if (session->state != SESSION_RUNNING)
        err_set(&err, ERR_CONFLICT,
                session->state == SESSION_HIBERNATED || session->state == SESSION_HIBERNATING ? "hibernated"
                                                                                              : "not_running",
                "the session is not running: it is %s", state_name(session->state));
    else if (atomic_fetch_add(&call->api->screenshots, 1) >= SCREENSHOTS_MAX) {
        atomic_fetch_sub(&call->api->screenshots, 1);
        err_set(&err, ERR_LIMIT, NULL, "too many pictures are being taken; try again in a moment");
    }
    if (err.kind != ERR_NONE) {
        call_problem(call, &err);
        return;
    }
    struct shot *shot = mem_zalloc(sizeof *shot);
    char name[SESSION_NAME_MAX + 1], agent_id[AGENT_ID_MAX + 1];
    shot->call = call;
    str_copy(name, sizeof name, session->name);
    str_copy(agent_id, sizeof agent_id, session->agent_id);
    struct hub *hub = call->api->hub;
    call_release_conn(call);
    http_defer(call->request);
    hub_stream_open(hub, name, agent_id, HUB_STREAM_VNC, on_stream, shot);
}
