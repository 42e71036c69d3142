#!/bin/bash
# Installs the Debian packages that StreamSpace needs and that are missing.
#
#   tools/deps.sh build run test bench fuzz    any of the groups below; quiet and quick when all is there
#
# Installing packages is the only thing here that needs root: sudo is used when you are not.
set -euo pipefail

# What each group is for. Every package stands in the first group that needs it.
build="gcc clang meson ninja-build pkg-config libc6-dev make
  libmicrohttpd-dev libgnutls28-dev libwslay-dev libcurl4-openssl-dev libjansson-dev libsqlite3-dev libpq-dev
  libsodium-dev libssl-dev
  libseccomp-dev libyaml-dev libpng-dev uthash-dev zlib1g-dev libcmocka-dev python3 ca-certificates"
# Sandboxes, the display, and the programs of the first templates.
run="bubblewrap passt nftables iproute2 procps tigervnc-standalone-server openbox xterm xauth x11-xkb-utils xkb-data
  xfonts-base fonts-dejavu-core fontconfig-config firefox-esr"
# Real browsers, displays, sanitizers, and a PostgreSQL server that the tests start and end themselves.
# promtool of the package prometheus checks what /metrics says.
test="prometheus chromium xdotool x11-utils clang-format libclang-rt-14-dev sqlite3 util-linux curl postgresql-15"
bench="websockify nginx-light wrk"
fuzz="libclang-rt-14-dev clang"
fresh="mmdebstrap"

wanted=""
for group in "$@"; do
    case "$group" in
    build | run | test | bench | fuzz | fresh) wanted="$wanted ${!group}" ;;
    *)
        echo "tools/deps.sh: unknown group '$group' (build, run, test, bench, fuzz, fresh)" >&2
        exit 2
        ;;
    esac
    # Any Node.js from 18 on will do, Debian's or another; its packages exclude each other.
    if [ "$group" = build ]; then
        node_major=$( (node --version 2>/dev/null || echo v0) | sed 's/^v\([0-9]*\).*/\1/')
        [ "$node_major" -ge 18 ] || wanted="$wanted nodejs"
        command -v npm >/dev/null || wanted="$wanted npm"
    fi
done

missing=""
have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
for package in $wanted; do
    grep -qxF "$package" <<<"$have" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "StreamSpace needs these packages (Debian names), and there is no apt-get to install them:$missing" >&2
    exit 1
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "Installing packages needs root. Run this as root, or install sudo:" >&2
        echo "  apt-get install$missing" >&2
        exit 1
    }
    as_root="sudo"
fi
# The tests bring up clusters of their own: Debian's package need not start one for everybody.
if [[ " $missing " == *" postgresql-15 "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    $as_root mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
echo "Installing Debian packages (this is the one step that needs root):"
echo "$missing" | fold -s -w 100 | sed 's/^ */  /'
$as_root apt-get update -q -o Dpkg::Use-Pty=0 | tail -n 1
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 \
    -o APT::Status-Fd=3 $missing 3> >(
        while IFS=: read -r kind _ percent text; do
            [ "$kind" = pmstatus ] || [ "$kind" = dlstatus ] || continue
            printf '\r  %3.0f %%  %-70.70s' "${percent%.*}" "$text"
        done
        printf '\r%-80s\r' ''
    ) >/dev/null
echo "Packages are installed."
