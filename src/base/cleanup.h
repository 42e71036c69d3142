/* Cleanup attributes for owning locals.
 *
 *     _cleanup_free_ char *path = …;      freed when the scope ends
 *     _cleanup_close_ int fd = -1;        closed when the scope ends
 *     *ret = steal_pointer(&path);        handed out: the local is NULL afterwards
 */
#ifndef SS_BASE_CLEANUP_H
#define SS_BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

/* Defines `name_p(type **)`, for use with _cleanup_, from `destroy(type *)` that accepts NULL. */
#define DEFINE_CLEANUP(type, destroy)                                                                        \
    static inline void destroy##_p(type **pointer) {                                                         \
        destroy(*pointer);                                                                                   \
    }                                                                                                        \
    struct err /* swallow the semicolon */

static inline void cleanup_free_p(void *pointer) {
    void **owned = pointer;
    free(*owned);
}

/* Closes a descriptor, keeps errno, accepts -1. */
static inline void close_fd(int fd) {
    if (fd >= 0) {
        int saved = errno;
        close(fd);
        errno = saved;
    }
}

static inline void cleanup_close_p(int *fd) {
    close_fd(*fd);
}

static inline void cleanup_fclose_p(FILE **file) {
    if (*file)
        fclose(*file);
}

static inline void cleanup_closedir_p(DIR **dir) {
    if (*dir)
        closedir(*dir);
}

#define _cleanup_free_ _cleanup_(cleanup_free_p)
#define _cleanup_close_ _cleanup_(cleanup_close_p)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose_p)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir_p)

/* Gives the pointer away and leaves NULL behind. */
#define steal_pointer(pointer)                                                                               \
    ({                                                                                                       \
        __typeof__(*(pointer)) stolen_ = *(pointer);                                                         \
        *(pointer) = NULL;                                                                                   \
        stolen_;                                                                                             \
    })

/* Gives the descriptor away and leaves -1 behind. */
static inline int steal_fd(int *fd) {
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
