#include "control/templates/builtin.h"

#include "base/cleanup.h"

#define LINUXSERVER "lscr.io/linuxserver/"
/* LinuxServer's desktop images serve their screen on port 3000 and keep everything under /config. */
#define DESKTOP(id, title, text, kind, picture, ...)                                                         \
    .name = "linuxserver-" id, .display_name = title " (LinuxServer)", .description = text,                  \
    .category = kind, .icon = picture, .image = LINUXSERVER id ":latest", .port = 3000, .home = "/config",   \
    .tags = {"linuxserver", __VA_ARGS__}
#define SMALL .cpu = "500m", .memory = "1Gi", .cpu_max = "4", .memory_max = "8Gi"
#define MIDDLE .cpu = "1", .memory = "2Gi", .cpu_max = "4", .memory_max = "8Gi"
#define LARGE .cpu = "2", .memory = "4Gi", .cpu_max = "16", .memory_max = "32Gi"

/* Every one serves its own page (protocol http), and needs an agent with containers. */
const struct builtin_container builtin_containers[] = {
    {.name = "code-server",
     .display_name = "code-server",
     .description = "VS Code in the browser, with a home of its own.",
     .category = "Development",
     .icon = "vscode",
     .image = LINUXSERVER "code-server:latest",
     .tags = {"linuxserver", "vscode", "ide", "editor"},
     .port = 8443,
     .home = "/config",
     MIDDLE},
    {.name = "jupyter",
     .display_name = "Jupyter",
     .description = "Notebooks for Python with the usual scientific packages.",
     .category = "Science",
     .icon = "jupyter",
     .image = "quay.io/jupyter/scipy-notebook:latest",
     .tags = {"python", "notebook", "data"},
     .port = 8888,
     .path = "/lab",
     .home = "/home/jovyan/work",
     .plain_user = true,
     MIDDLE},
    {DESKTOP("webtop", "Webtop", "A whole desktop in a container.", "Desktops", "webtop", "desktop"), MIDDLE},
    {DESKTOP("firefox", "Firefox", "Mozilla's web browser in a container.", "Browsers", "firefox", "browser",
             "web"),
     MIDDLE},
    {DESKTOP("chromium", "Chromium", "The open-source web browser in a container.", "Browsers", "chromium",
             "browser", "web"),
     MIDDLE},
    {DESKTOP("libreoffice", "LibreOffice", "Documents, spreadsheets and presentations in a container.",
             "Office", "libreoffice", "documents"),
     MIDDLE},
    {DESKTOP("calibre", "calibre", "E-books: collects, converts and reads them.", "Office", "books",
             "ebooks"),
     SMALL},
    {DESKTOP("gimp", "GIMP", "Image editing and photo retouching in a container.", "Graphics", "gimp",
             "images"),
     MIDDLE},
    {DESKTOP("inkscape", "Inkscape", "Vector graphics in a container.", "Graphics", "inkscape", "vector",
             "svg"),
     MIDDLE},
    {DESKTOP("krita", "Krita", "Digital painting in a container.", "Graphics", "krita", "painting"), LARGE},
    {DESKTOP("darktable", "darktable", "A darkroom for photographers in a container.", "Graphics",
             "darktable", "photos", "raw"),
     LARGE},
    {DESKTOP("digikam", "digiKam", "Sorts and edits photos.", "Graphics", "darktable", "photos"), MIDDLE},
    {DESKTOP("blender", "Blender", "3D modelling and rendering in a container.", "Graphics", "blender", "3d"),
     LARGE},
    {DESKTOP("freecad", "FreeCAD", "Parametric construction in a container.", "Engineering", "freecad",
             "cad"),
     LARGE},
    {DESKTOP("kicad", "KiCad", "Circuit diagrams and printed circuit boards.", "Engineering", "freecad",
             "electronics"),
     LARGE},
    {DESKTOP("kdenlive", "Kdenlive", "Video editing in a container.", "Media", "kdenlive", "video"), LARGE},
    {DESKTOP("audacity", "Audacity", "Edits sound files in a container.", "Media", "audacity", "sound"),
     MIDDLE},
    {DESKTOP("vscodium", "VSCodium", "VS Code's desktop editor without telemetry.", "Development", "vscode",
             "ide", "editor"),
     MIDDLE},
    {DESKTOP("remmina", "Remmina", "Remote desktops by RDP, VNC and SSH.", "Utilities", "remote", "rdp",
             "vnc"),
     SMALL},
    {DESKTOP("filezilla", "FileZilla", "Moves files by FTP and SFTP.", "Utilities", "files", "ftp", "sftp"),
     SMALL},
    {DESKTOP("wireshark", "Wireshark", "Looks into network traffic.", "Utilities", "network", "packets"),
     MIDDLE},
};
const size_t builtin_container_count = ARRAY_SIZE(builtin_containers);
