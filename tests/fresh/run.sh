#!/bin/bash
# Proves the README's two commands where nothing of ours is installed: a minimal Debian 12, made with mmdebstrap in a
# folder, entered as root of its own mount, process, host-name and IPC namespaces, with a clone of HEAD copied in.
#
# Needs root, mmdebstrap and Debian's package registry (FRESH_MIRROR, else the first one that this machine uses).
# FRESH_KEEP=1 leaves the folder for a look. Ends with "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$(id -u)" -eq 0 ] || { echo "make test-fresh needs root: it makes a root filesystem and namespaces" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/var/tmp}/streamspace-fresh-XXXXXX")
root=$work/root
cache=${FRESH_CACHE:-/var/tmp/streamspace-fresh-$(id -u).tar}
finish() {
    status=$?
    if [ -z "${FRESH_KEEP:-}" ]; then
        mountpoint -q "$root/proc" && umount -R "$root/proc" || true
        rm -rf --one-file-system "$work"
    else
        echo "left in $work"
    fi
    exit $status
}
trap finish EXIT

mirror=${FRESH_MIRROR:-$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb *\(\[[^]]*\] *\)*\(http[^ ]*\) .*/\2/p' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1 || true)} # not both are there
[ -n "$mirror" ] || { echo "no package registry found in apt's sources: set FRESH_MIRROR" >&2; exit 1; }
if [ ! -s "$cache" ]; then
    echo "== making a minimal Debian 12 ($cache keeps it for the next time)"
    mmdebstrap --quiet --format=tar --variant=minbase --include=make,ca-certificates bookworm "$cache.new" \
        "deb $mirror bookworm main" "deb $mirror bookworm-updates main"
    mv "$cache.new" "$cache"
fi
mkdir "$root"
tar -xf "$cache" -C "$root" --exclude='./dev/*'
echo "== $(cat "$root/etc/debian_version"), $(chroot "$root" dpkg-query -W | wc -l) packages"

# A machine behind a proxy or with certificates of its own passes them on; nothing else comes along.
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
for file in /etc/apt/apt.conf.d/*proxy*; do [ ! -e "$file" ] || cp "$file" "$root/etc/apt/apt.conf.d/"; done
git clone -q --no-hardlinks . "$root/root/streamspace"
cp tests/fresh/inside.sh "$root/root/inside.sh"

env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt ${npm_config_registry:+npm_config_registry="$npm_config_registry"} \
    FRESH_TESTS="${FRESH_TESTS:-}" \
    unshare --mount --pid --fork --uts --ipc --kill-child bash -c '
        set -e
        root=$1
        mount --make-rprivate /
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /sys "$root/sys"
        mount -t tmpfs -o mode=755 tmpfs "$root/dev"
        for node in null zero full random urandom tty; do : >"$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"; done
        mkdir "$root/dev/net" "$root/dev/pts" "$root/dev/shm"
        mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
        ln -s pts/ptmx "$root/dev/ptmx"
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
        : >"$root/dev/net/tun"; mount --bind /dev/net/tun "$root/dev/net/tun"
        for number in 0 1 2; do ln -s "/proc/self/fd/$number" "$root/dev/$(echo stdin stdout stderr | cut -d" " -f$((number + 1)))"; done
        ln -s /proc/self/fd "$root/dev/fd"
        hostname streamspace-fresh
        cd "$root"
        mkdir -p .old
        pivot_root . .old
        umount -l /.old
        exec bash /root/inside.sh
    ' bash "$root"
