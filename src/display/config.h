/* The configuration of one display, as the runtime that starts it writes it (JSON, docs/rooms/display.md). */
#ifndef SS_DISPLAY_CONFIG_H
#define SS_DISPLAY_CONFIG_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define DISPLAY_CONFIG_MAX (512 * 1024) /* bytes of JSON */
#define DISPLAY_TOKEN_DIGITS 64
#define DISPLAY_COMMAND_WORDS_MAX 256
#define DISPLAY_WORD_MAX (64 * 1024) /* bytes of one argument or variable; the kernel takes 128 KiB */
#define DISPLAY_ENV_MAX 512
#define DISPLAY_SIDE_MIN 64 /* pixels */
#define DISPLAY_SIDE_MAX 8192

enum display_listen { DISPLAY_LISTEN_UNIX, DISPLAY_LISTEN_TCP, DISPLAY_LISTEN_FD };

struct display_config {
    char token[DISPLAY_TOKEN_DIGITS + 1]; /* lower-case hex */
    enum display_listen listen_kind;
    char *listen;  /* path, or "host:port"; NULL for a descriptor */
    int listen_fd; /* an inherited listening socket, or -1 */
    char *log;     /* absolute path */
    int width, height;
    bool gl;
    bool window_manager;
    bool restart;        /* onExit: restart the application instead of ending with it */
    struct strv command; /* at least one word */
    struct strv env;     /* "NAME=value", for the application */
    char *workdir;       /* absolute; HOME of `env`, else "/" when not given */
    char *name;          /* what viewers see as the desktop's name */
};

/* Parses and checks. `text` is borrowed. Unknown fields are ignored. On error (ERR_INVALID, naming the field)
 * *config is left empty. */
int display_config_parse(struct display_config *config, const char *text, size_t length, struct err *err);
/* Frees what it owns and wipes the token; accepts a zeroed object. */
void display_config_finish(struct display_config *config);

#define _cleanup_display_config_ __attribute__((cleanup(display_config_finish)))

#endif
