#include "agent/local/sandbox.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <inttypes.h>

#define MEBIBYTE (1024 * 1024)
#define MEMORY_UNKNOWN (512 * (int64_t)MEBIBYTE) /* what shares are taken of when there is no ceiling */
#define SIZE_MIN (16 * (int64_t)MEBIBYTE)

/* What of /etc programs need and anybody may read. Everything else (accounts, keys, services) stays outside.
 */
static const char *const etc_parts[] = {
    "X11",
    "alternatives",
    "bash.bashrc",
    "chromium",
    "chromium.d",
    "dconf",
    "default/locale",
    "firefox-esr",
    "fonts",
    "glvnd",
    "gtk-2.0",
    "gtk-3.0",
    "gtk-4.0",
    "inputrc",
    "java-17-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "libreoffice",
    "locale.alias",
    "localtime",
    "magic",
    "mime.types",
    "openal",
    "os-release",
    "perl",
    "profile",
    "protocols",
    "pulse",
    "python3",
    "services",
    "shells",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
    "vim",
    "xdg",
};

static void add(struct sandbox_files *files, const char *path, char *text) {
    files->items[files->count++] = (struct sandbox_file){.path = path, .text = text};
}

void sandbox_files_make(struct sandbox_files *ret, const char *session_id, const char *resolv_conf) {
    *ret = (struct sandbox_files){0};
    add(ret, "/etc/passwd",
        str_format("root:x:0:0:root:/root:/usr/sbin/nologin\n"
                   "user:x:%d:%d:user:" SANDBOX_HOME ":/bin/bash\n"
                   "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
                   SANDBOX_UID, SANDBOX_UID));
    add(ret, "/etc/group", str_format("root:x:0:\nuser:x:%d:\nnogroup:x:65534:\n", SANDBOX_UID));
    add(ret, "/etc/hosts",
        str_format("127.0.0.1 localhost %s\n::1 localhost ip6-localhost ip6-loopback\n", session_id));
    add(ret, "/etc/hostname", str_format("%s\n", session_id));
    add(ret, "/etc/nsswitch.conf",
        str_dup("passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n"
                "protocols: files\nservices: files\n"));
    char id[33];
    add(ret, "/etc/machine-id", str_format("%s\n", random_hex(id, 32)));
    if (resolv_conf)
        add(ret, "/etc/resolv.conf", str_dup(resolv_conf));
}

void sandbox_files_finish(struct sandbox_files *files) {
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].text);
    *files = (struct sandbox_files){0};
}

static int64_t at_least(int64_t bytes, int64_t least) {
    return bytes < least ? least : bytes;
}

struct sandbox_sizes sandbox_sizes_of(int64_t memory_bytes, int64_t home_bytes) {
    int64_t memory = memory_bytes > 0 ? memory_bytes : MEMORY_UNKNOWN;
    struct sandbox_sizes sizes = {.tmp = at_least(memory / 4, SIZE_MIN),
                                  .shm = at_least(memory / 4, SIZE_MIN),
                                  .run_user = at_least(memory / 16, SIZE_MIN)};
    sizes.home = home_bytes > 0 ? home_bytes : at_least(memory / 4, SIZE_MIN);
    if (sizes.home > at_least(memory / 2, SIZE_MIN))
        sizes.home = at_least(memory / 2, SIZE_MIN);
    return sizes;
}

static void add_all(struct strv *list, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        strv_add(list, words[i]);
}
#define ADD(list, ...)                                                                                       \
    add_all(list, (const char *const[]){__VA_ARGS__},                                                        \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void add_tmpfs(struct strv *list, const char *mode, int64_t bytes, const char *path) {
    ADD(list, "--perms", mode, "--size");
    strv_addf(list, "%" PRId64, bytes);
    ADD(list, "--tmpfs", path);
}

static void add_namespaces(struct strv *list, const struct sandbox_shape *shape) {
    /* The network namespace was made by the launcher: the session has no rights in it at all. */
    ADD(list, "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup");
    if (!shape->own_namespaces)
        ADD(list, "--disable-userns");
    ADD(list, "--uid");
    strv_addf(list, "%d", SANDBOX_UID);
    ADD(list, "--gid");
    strv_addf(list, "%d", SANDBOX_UID);
    ADD(list, "--hostname", shape->session_id, "--as-pid-1", "--new-session", "--cap-drop", "ALL");
    ADD(list, "--info-fd");
    strv_addf(list, "%d", SANDBOX_FD_INFO);
    ADD(list, "--seccomp");
    strv_addf(list, "%d", SANDBOX_FD_SECCOMP);
}

static void add_system(struct strv *list, const struct sandbox_shape *shape) {
    static const char *const above[] = {"/etc", "/etc/default",     "/etc/ssl", "/home",
                                        "/opt", "/opt/streamspace", "/run",     "/run/user",
                                        "/var", "/var/cache"};
    for (size_t i = 0; i < ARRAY_SIZE(above); i++)
        ADD(list, "--perms", "0755", "--dir", above[i]);
    ADD(list, "--ro-bind", "/usr", "/usr");
    static const char *const merged[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
    for (size_t i = 0; i < ARRAY_SIZE(merged); i++) {
        _cleanup_free_ char *in_usr = str_format("/usr/%s", merged[i]);
        if (!path_exists(in_usr))
            continue;
        ADD(list, "--symlink", in_usr + 1);
        strv_addf(list, "/%s", merged[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(etc_parts); i++) {
        _cleanup_free_ char *path = str_format("/etc/%s", etc_parts[i]);
        if (path_exists(path))
            ADD(list, "--ro-bind-try", path, path);
    }
    if (path_exists("/var/cache/fontconfig"))
        ADD(list, "--ro-bind-try", "/var/cache/fontconfig", "/var/cache/fontconfig");
    if (str_starts(shape->command, "/opt/")) {
        const char *name = shape->command + strlen("/opt/");
        _cleanup_free_ char *dir = str_format("/opt/%.*s", (int)strcspn(name, "/"), name);
        ADD(list, "--ro-bind-try", dir, dir);
    }
    ADD(list, "--ro-bind", PLACE_PROGRAM, SANDBOX_PROGRAM);
}

static void add_places(struct strv *list, const struct sandbox_shape *shape) {
    ADD(list, "--proc", "/proc", "--dev", "/dev");
    add_tmpfs(list, "1777", shape->sizes.shm, "/dev/shm");
    add_tmpfs(list, "1777", shape->sizes.tmp, "/tmp");
    ADD(list, "--perms", "1777", "--dir", "/tmp/.X11-unix", "--perms", "1777", "--dir", "/tmp/.ICE-unix");
    ADD(list, "--symlink", "/tmp", "/var/tmp", "--symlink", "/run", "/var/run");
    if (shape->persistent_home)
        ADD(list, "--bind", PLACE_HOME, SANDBOX_HOME);
    else
        add_tmpfs(list, "0700", shape->sizes.home, SANDBOX_HOME);
    _cleanup_free_ char *run_user = str_format("/run/user/%d", SANDBOX_UID);
    add_tmpfs(list, "0700", shape->sizes.run_user, run_user);
    ADD(list, "--bind", PLACE_RUN, SANDBOX_RUN);
}

static void add_files(struct strv *list, const struct sandbox_shape *shape) {
    for (size_t i = 0; i < shape->files->count; i++) {
        ADD(list, "--perms", "0644", "--file");
        strv_addf(list, "%zu", SANDBOX_FD_FILES + i);
        ADD(list, shape->files->items[i].path);
    }
    /* Last, for here bubblewrap waits until the agent has written down whom it started. */
    ADD(list, "--perms", "0600", "--file");
    strv_addf(list, "%d", SANDBOX_FD_CONFIG);
    ADD(list, SANDBOX_RUN "/display.json");
    ADD(list, "--remount-ro", "/dev", "--remount-ro", "/");
}

void sandbox_arguments(struct strv *ret, const struct sandbox_shape *shape) {
    ADD(ret, shape->bwrap);
    add_namespaces(ret, shape);
    add_system(ret, shape);
    add_places(ret, shape);
    add_files(ret, shape);
    ADD(ret, "--clearenv", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin:/usr/games", "--setenv", "HOME",
        SANDBOX_HOME, "--setenv", "LANG", "C.UTF-8", "--chdir", "/", "--");
    ADD(ret, SANDBOX_PROGRAM, "display", "--config", SANDBOX_RUN "/display.json");
}

/* The application's environment: ours, and over it what the session was asked to have. */
static json_t *environment(const char *const *extra) {
    json_t *object =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "HOME", SANDBOX_HOME, "USER", "user", "LOGNAME", "user",
                  "SHELL", "/bin/bash", "LANG", "C.UTF-8", "PATH", "/usr/local/bin:/usr/bin:/bin:/usr/games",
                  "XDG_RUNTIME_DIR", json_sprintf("/run/user/%d", SANDBOX_UID));
    for (; object && extra && *extra; extra++) {
        const char *equals = strchr(*extra, '=');
        if (!equals || equals == *extra)
            continue;
        _cleanup_free_ char *name = str_ndup(*extra, (size_t)(equals - *extra));
        json_object_set_new(object, name, json_string(equals + 1));
    }
    return object;
}

char *sandbox_display_config(const struct session_spec *spec) {
    json_t *command = json_array();
    for (const char *const *word = spec->command; word && *word; word++)
        json_array_append_new(command, json_string(*word));
    json_t *object =
        json_pack("{s:s,s:o,s:s,s:s,s:b,s:b,s:s,s:o,s:o,s:s,s:s,s:s}", "token", spec->display_token, "listen",
                  json_sprintf("fd:%d", SANDBOX_FD_PORT), "log", SANDBOX_RUN "/" SESSION_LOG, "geometry",
                  spec->geometry ? spec->geometry : "1280x800", "gl", (int)spec->gl, "windowManager",
                  (int)spec->window_manager, "onExit", str_eq(spec->on_exit, "restart") ? "restart" : "end",
                  "command", command, "env", environment(spec->env), "workdir", SANDBOX_HOME, "protocol",
                  spec->protocol ? spec->protocol : "vnc", "name", spec->session_id);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}
