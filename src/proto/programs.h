/* Programs that built-in templates start. The agent looks for each of them on its machine and says in `hello`
 * which it has, as the capability "program:<name>"; the control plane shows a template whose program no agent
 * has as not available, with the Debian package to install. Both sides know the programs from here alone.
 *
 * "network:outbound" is the capability of a machine whose sessions can have a network of their own.
 */
#ifndef SS_PROTO_PROGRAMS_H
#define SS_PROTO_PROGRAMS_H

#include <stddef.h>

#define PROTO_CAPABILITY_PROGRAM "program:"
#define PROTO_CAPABILITY_OUTBOUND "network:outbound"
#define PROTO_CAPABILITY_FREEZE "freeze"
#define PROTO_CAPABILITY_LOGS "logs"

/* One row per program: X(program, Debian package). At most 48 rows (a hello carries 64 capabilities). */
#define PROTO_PROGRAMS(X)                                                                                    \
    X("xterm", "xterm")                                                                                      \
    X("firefox-esr", "firefox-esr")                                                                          \
    X("firefox", "firefox")                                                                                  \
    X("chromium", "chromium")                                                                                \
    X("startxfce4", "xfce4")                                                                                 \
    X("startlxqt", "lxqt-core")                                                                              \
    X("startlxde", "lxde-core")                                                                              \
    X("openbox-session", "openbox")                                                                          \
    X("pcmanfm", "pcmanfm")                                                                                  \
    X("pcmanfm-qt", "pcmanfm-qt")                                                                            \
    X("thunar", "thunar")                                                                                    \
    X("tint2", "tint2")                                                                                      \
    X("lxpanel", "lxpanel")                                                                                  \
    X("xfce4-terminal", "xfce4-terminal")                                                                    \
    X("soffice", "libreoffice")                                                                              \
    X("libreoffice", "libreoffice")                                                                          \
    X("gimp", "gimp")                                                                                        \
    X("inkscape", "inkscape")                                                                                \
    X("vlc", "vlc")                                                                                          \
    X("mpv", "mpv")                                                                                          \
    X("code-server", "code-server")                                                                          \
    X("jupyter", "jupyter-notebook")                                                                         \
    X("jupyter-notebook", "jupyter-notebook")                                                                \
    X("jupyter-lab", "jupyterlab")                                                                           \
    X("thunderbird", "thunderbird")                                                                          \
    X("evince", "evince")                                                                                    \
    X("geany", "geany")                                                                                      \
    X("gedit", "gedit")                                                                                      \
    X("mousepad", "mousepad")                                                                                \
    X("emacs", "emacs")                                                                                      \
    X("gvim", "vim-gtk3")                                                                                    \
    X("blender", "blender")                                                                                  \
    X("audacity", "audacity")                                                                                \
    X("glxgears", "mesa-utils")                                                                              \
    X("xclock", "x11-apps")                                                                                  \
    X("xeyes", "x11-apps")

struct proto_program {
    const char *program;
    const char *package;
};

#define PROTO_PROGRAM_ROW(program, package) {program, package},
static const struct proto_program proto_programs[] = {PROTO_PROGRAMS(PROTO_PROGRAM_ROW)};
#define PROTO_PROGRAM_COUNT (sizeof proto_programs / sizeof proto_programs[0])

#endif
