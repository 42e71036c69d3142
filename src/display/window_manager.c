#include "display/window_manager.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "display/child.h"
#include "display/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "openbox.xml"
#define FIFO_NAME "openbox.ready"
#define FIFO_VARIABLE "STREAMSPACE_WM_READY"

struct window_manager {
    struct loop *loop;
    char *config_path, *fifo_path;
    loop_fn ready;
    void *arg;
    pid_t pid;
    int fifo;
    struct loop_fd *watch;
};

static const char configuration[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<openbox_config xmlns=\"http://openbox.org/3.4/rc\">\n"
    "  <focus><focusNew>yes</focusNew><followMouse>no</followMouse></focus>\n"
    "  <placement><policy>Smart</policy><center>yes</center></placement>\n"
    "  "
    "<theme><name>Clearlooks</name><titleLayout>LC</titleLayout><animateIconify>no</animateIconify></theme>\n"
    "  <desktops><number>1</number><popupTime>0</popupTime></desktops>\n"
    "  <resize><drawContents>yes</drawContents><popupShow>Never</popupShow></resize>\n"
    "  <keyboard>\n"
    "    <keybind key=\"A-F4\"><action name=\"Close\"/></keybind>\n"
    "    <keybind key=\"C-A-Tab\"><action name=\"NextWindow\"><finalactions><action name=\"Focus\"/>"
    "<action name=\"Raise\"/><action name=\"Unshade\"/></finalactions></action></keybind>\n"
    "  </keyboard>\n"
    "  <mouse>\n"
    "    <dragThreshold>8</dragThreshold><doubleClickTime>400</doubleClickTime>\n"
    "    <context name=\"Titlebar\">\n"
    "      <mousebind button=\"Left\" action=\"Press\"><action name=\"Focus\"/><action "
    "name=\"Raise\"/></mousebind>\n"
    "      <mousebind button=\"Left\" action=\"Drag\"><action name=\"Move\"/></mousebind>\n"
    "    </context>\n"
    "    <context name=\"Close\">\n"
    "      <mousebind button=\"Left\" action=\"Click\"><action name=\"Close\"/></mousebind>\n"
    "    </context>\n"
    "    <context name=\"Top Bottom Left Right TLCorner TRCorner BLCorner BRCorner\">\n"
    "      <mousebind button=\"Left\" action=\"Drag\"><action name=\"Resize\"/></mousebind>\n"
    "    </context>\n"
    "    <context name=\"Client\">\n"
    "      <mousebind button=\"Left\" action=\"Press\"><action name=\"Focus\"/><action "
    "name=\"Raise\"/></mousebind>\n"
    "      <mousebind button=\"Middle\" action=\"Press\"><action name=\"Focus\"/><action "
    "name=\"Raise\"/></mousebind>\n"
    "      <mousebind button=\"Right\" action=\"Press\"><action name=\"Focus\"/><action "
    "name=\"Raise\"/></mousebind>\n"
    "    </context>\n"
    "    <context name=\"Root\">\n"
    "      <mousebind button=\"Left\" action=\"Press\"><action name=\"ShowMenu\">"
    "<menu>client-list-combined-menu</menu></action></mousebind>\n"
    "    </context>\n"
    "  </mouse>\n"
    "  <applications>\n"
    "    <application type=\"normal\"><decor>no</decor><maximized>yes</maximized></application>\n"
    "  </applications>\n"
    "</openbox_config>\n";

static int write_files(struct window_manager *manager, struct err *err) {
    _cleanup_close_ int fd =
        open(manager->config_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, "cannot write %s", manager->config_path);
    if (mkfifo(manager->fifo_path, 0600) < 0)
        return err_errno(err, "cannot make %s", manager->fifo_path);
    return fd_write_all(fd, configuration, sizeof configuration - 1, err);
}

int window_manager_create(struct window_manager **ret, struct loop *loop, const char *dir, loop_fn ready,
                          void *arg, struct err *err) {
    struct window_manager *manager = mem_zalloc(sizeof *manager);
    *manager = (struct window_manager){.loop = loop,
                                       .config_path = str_format("%s/" FILE_NAME, dir),
                                       .fifo_path = str_format("%s/" FIFO_NAME, dir),
                                       .ready = ready,
                                       .arg = arg,
                                       .fifo = -1};
    if (write_files(manager, err) < 0) {
        window_manager_destroy(manager);
        return -1;
    }
    *ret = manager;
    return 0;
}

static void stop_listening(struct window_manager *manager) {
    loop_fd_remove(steal_pointer(&manager->watch));
    close_fd(steal_fd(&manager->fifo));
}

static void on_fifo(void *arg, uint32_t events) {
    struct window_manager *manager = arg;
    char byte;
    ssize_t count = read(manager->fifo, &byte, 1);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    stop_listening(manager);
    if (count > 0)
        manager->ready(manager->arg);
}

static int listen_for_ready(struct window_manager *manager, struct err *err) {
    stop_listening(manager);
    manager->fifo = open(manager->fifo_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (manager->fifo < 0)
        return err_errno(err, "cannot open %s", manager->fifo_path);
    return loop_fd_add(manager->loop, manager->fifo, EPOLLIN, on_fifo, manager, &manager->watch, err);
}

int window_manager_start(struct window_manager *manager, const struct strv *env, int output,
                         struct err *err) {
    _cleanup_free_ char *program = NULL;
    if (!child_find("openbox", environment_get(env, "PATH"), &program))
        return err_set(err, ERR_NOT_FOUND, "not_installed", "window manager not installed: openbox");
    if (listen_for_ready(manager, err) < 0)
        return -1;
    _cleanup_strv_ struct strv argv = {0}, own_env = {0};
    for (size_t i = 0; i < env->count; i++)
        strv_add(&own_env, env->items[i]);
    strv_addf(&own_env, FIFO_VARIABLE "=%s", manager->fifo_path);
    strv_add(&argv, "openbox");
    strv_add(&argv, "--sm-disable");
    strv_add(&argv, "--config-file");
    strv_add(&argv, manager->config_path);
    strv_add(&argv, "--startup");
    strv_add(&argv, "sh -c 'echo >\"$" FIFO_VARIABLE "\"'");
    struct child_spec spec = {
        .path = program, .argv = argv.items, .env = own_env.items, .workdir = "/", .output = output};
    if (child_spawn(&manager->pid, &spec, err) < 0) {
        stop_listening(manager);
        return -1;
    }
    return 0;
}

void window_manager_ended(struct window_manager *manager) {
    manager->pid = 0;
    stop_listening(manager);
}

pid_t window_manager_pid(const struct window_manager *manager) {
    return manager ? manager->pid : 0;
}

void window_manager_destroy(struct window_manager *manager) {
    if (!manager)
        return;
    stop_listening(manager);
    unlink(manager->config_path);
    unlink(manager->fifo_path);
    free(manager->config_path);
    free(manager->fifo_path);
    free(manager);
}
