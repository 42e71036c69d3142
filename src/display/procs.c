#include "display/procs.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STAT_MAX 1024

void proc_list_finish(struct proc_list *list) {
    free(list->items);
    *list = (struct proc_list){0};
}

bool proc_parse_stat(const char *text, struct proc *ret) {
    const char *open = strchr(text, '(');
    const char *close = strrchr(text, ')');
    int pid, parent, used = 0;
    if (!open || !close || close < open || sscanf(text, "%d", &pid) != 1)
        return false;
    char state;
    uint64_t started;
    /* Fields 3 and 4, and 22 of proc(5). */
    if (sscanf(close + 1, " %c %d%n", &state, &parent, &used) != 2 ||
        sscanf(close + 1 + used,
               " %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
               &started) != 1)
        return false;
    *ret = (struct proc){.pid = pid, .parent = parent, .state = state, .started = started};
    size_t length = (size_t)(close - open - 1);
    if (length >= sizeof ret->name)
        length = sizeof ret->name - 1;
    memcpy(ret->name, open + 1, length);
    return true;
}

static bool read_stat(pid_t pid, struct proc *ret) {
    char path[32], text[STAT_MAX];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t count = read(fd, text, sizeof text - 1);
    if (count <= 0)
        return false;
    text[count] = '\0';
    return proc_parse_stat(text, ret);
}

static int read_all(struct proc_list *list, struct err *err) {
    _cleanup_closedir_ DIR *folder = opendir("/proc");
    if (!folder)
        return err_errno(err, "cannot read /proc");
    size_t capacity = 0;
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        int64_t pid;
        if (!isdigit((unsigned char)entry->d_name[0]) || !str_to_i64(entry->d_name, 1, INT32_MAX, &pid))
            continue;
        if (list->count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            list->items = mem_realloc(list->items, capacity * sizeof *list->items);
        }
        if (read_stat((pid_t)pid, &list->items[list->count]))
            list->count++;
    }
    if (!list->count)
        return err_set(err, ERR_UNAVAILABLE, NULL, "/proc is not mounted");
    return 0;
}

enum kinship { KIN_UNKNOWN, KIN_NONE, KIN_LEFT_OUT, KIN_OURS };

static int by_pid(const void *a, const void *b) {
    const struct proc *first = a, *second = b;
    return first->pid < second->pid ? -1 : first->pid > second->pid;
}

static enum kinship kinship_of_root(pid_t pid, pid_t root, const pid_t *without, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (pid == without[i])
            return KIN_LEFT_OUT;
    return pid == root ? KIN_OURS : KIN_UNKNOWN;
}

/* Walks up from process `index` until a kinship is known, then writes it to all on the way. */
static void settle(const struct proc_list *all, enum kinship *kin, size_t index) {
    enum kinship found = KIN_NONE;
    const struct proc *at = &all->items[index];
    size_t steps = 0;
    while (at && steps++ < all->count) {
        if (kin[at - all->items] != KIN_UNKNOWN) {
            found = kin[at - all->items];
            break;
        }
        struct proc key = {.pid = at->parent};
        at = bsearch(&key, all->items, all->count, sizeof key, by_pid);
    }
    at = &all->items[index];
    while (at && kin[at - all->items] == KIN_UNKNOWN) {
        kin[at - all->items] = found;
        struct proc key = {.pid = at->parent};
        at = bsearch(&key, all->items, all->count, sizeof key, by_pid);
    }
}

int proc_descendants(struct proc_list *ret, pid_t root, const pid_t *without, size_t without_count,
                     struct err *err) {
    _cleanup_procs_ struct proc_list all = {0};
    if (read_all(&all, err) < 0)
        return -1;
    qsort(all.items, all.count, sizeof *all.items, by_pid);
    _cleanup_free_ enum kinship *kin = mem_zalloc(all.count * sizeof *kin);
    for (size_t i = 0; i < all.count; i++)
        kin[i] = kinship_of_root(all.items[i].pid, root, without, without_count);
    for (size_t i = 0; i < all.count; i++)
        settle(&all, kin, i);
    size_t kept = 0;
    for (size_t i = 0; i < all.count; i++)
        if (kin[i] == KIN_OURS && all.items[i].pid != root && all.items[i].state != 'Z')
            all.items[kept++] = all.items[i];
    ret->count = kept;
    ret->items = steal_pointer(&all.items);
    return 0;
}

bool proc_is_helper(const struct proc *process) {
    static const char *const prefixes[] = {
        "dbus-",     "dconf-service", "gvfs",       "at-spi",         "gconfd",       "ssh-agent",
        "gpg-agent", "scdaemon",      "keyboxd",    "gnome-keyring",  "xdg-",         "pulseaudio",
        "pipewire",  "wireplumber",   "xfconfd",    "ibus-",          "fcitx",        "kded5",
        "kdeinit5",  "klauncher",     "kiod5",      "kactivitymanag", "kglobalaccel", "xsettingsd",
        "goa-",      "tracker-",      "evolution-", "obexd",          "tumblerd",
    };
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
        if (str_starts(process->name, prefixes[i]))
            return true;
    return false;
}

void proc_signal(const struct proc *process, int signal_number) {
    _cleanup_close_ int handle = (int)syscall(SYS_pidfd_open, process->pid, 0);
    struct proc now;
    if (!read_stat(process->pid, &now) || now.started != process->started)
        return;
    /* Old kernels and some seccomp filters do not know pidfds. */
    if (handle < 0 || syscall(SYS_pidfd_send_signal, handle, signal_number, NULL, 0) < 0)
        kill(process->pid, signal_number);
}
