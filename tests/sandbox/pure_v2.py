#!/usr/bin/env python3
"""Runs the sandbox tests where there are nothing but control groups of version 2 and systemd owns them, as Debian 12 comes:
in a virtual machine, as root and as an ordinary user whose service manager was given a control group.

  tests/sandbox/pure_v2.py [root|user|session] [TEST …]     one of the runs, or some tests only (build/ must be built)

Needs mmdebstrap and qemu-system-x86_64; as root. QEMU_ACCEL="-accel kvm" makes it fast where that works: without, every
processor is emulated and a run takes some ten minutes. PURE_V2_CACHE names the file that keeps the made Debian.
Not part of `make test`: for those who change what concerns control groups on a machine that is not like that.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

RUNS = {
    "root": "a service of the system",
    "user": "an ordinary user's scope, made by the user's service manager",
    "session": "an ordinary user who logged in, without a scope: what is missing must be said",
}
LIMIT = int(os.environ.get("PURE_V2_LIMIT", "1500"))  # seconds for one run
CACHE = os.environ.get("PURE_V2_CACHE", "/var/tmp/streamspace-pure-v2-%d.tar" % os.geteuid())
HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("PURE_V2_BUILD", os.path.join(HERE, "../../build"))
PACKAGES = """systemd systemd-sysv dbus libpam-systemd kmod util-linux procps bubblewrap passt nftables iproute2 python3
  libjansson4 libseccomp2""".split()
# The kernel without what its package wants for disks: only vmlinuz and modules.
KERNEL = r'''chroot "$1" sh -ec '
  mkdir /tmp/kernel; cd /tmp/kernel
  apt-get -q download $(apt-cache depends linux-image-cloud-amd64 | sed -n "s/.*Depends: //p" | head -n 1)
  dpkg -x *.deb .
  mv boot/vmlinuz-* /vmlinuz; mkdir -p /usr/lib/modules; mv lib/modules/* /usr/lib/modules/
  depmod $(ls /usr/lib/modules)
  rm -rf /tmp/kernel /var/lib/apt/lists/* /var/cache/apt/*' '''
# The kernel's first file system can be no one's old root (pivot_root(2)); a bind mount of it can.
INIT = r'''#!/bin/sh
mount --bind / /mnt && cd /mnt && mount --move . / && exec chroot . /lib/systemd/systemd
'''
UNIT = r'''[Unit]
After=multi-user.target systemd-logind.service
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/run-tests
TimeoutStartSec=infinity
StandardOutput=tty
StandardError=inherit
TTYPath=/dev/ttyS0
[Install]
WantedBy=multi-user.target
'''
RUN = r'''#!/bin/sh
export PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin
for module in veth tun nf_tables nft_reject_inet dummy; do modprobe $module; done
chmod 666 /dev/net/tun
tests="env SANDBOX_DRIVER=/test/driver SANDBOX_STAND_IN=/test/stand_in SANDBOX_PATIENCE=8 SANDBOX_KILLS=8
  timeout %(limit)d python3 -W ignore /test/sandbox_test.py %(tests)s"
as_tester="setpriv --reuid 1000 --regid 1000 --init-groups env HOME=/home/tester XDG_RUNTIME_DIR=/run/user/1000"
echo "kernel $(cat /proc/sys/kernel/osrelease), systemd $(systemctl --version | head -n 1), $(cat /proc/self/cgroup)"
echo "controllers: $(cat /sys/fs/cgroup/cgroup.controllers)"
cd /test
case %(run)s in
root) $tests ;;
user)
    loginctl enable-linger tester && systemctl start user@1000.service &&
        $as_tester systemd-run --user --scope --quiet $tests ;;
session) SANDBOX_EXPECT_NONE=1; export SANDBOX_EXPECT_NONE; $as_tester $tests ;;
esac
echo "exit $?"
'''


def make_debian():
    """A Debian 12 as its installer leaves it, small; kept in a file for the next time."""
    if os.path.exists(CACHE):
        return
    sources = "".join(open(path).read() for path in ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list")
                      if os.path.exists(path))
    mirror = os.environ.get("FRESH_MIRROR") or re.search(r"^(?:URIs:|deb(?: \[[^]]*\])?) *(http\S+)", sources, re.M).group(1)
    subprocess.run(["mmdebstrap", "--quiet", "--format=tar", "--variant=minbase", "--include=" + ",".join(PACKAGES)]
                   + ["--dpkgopt=path-exclude=/usr/share/%s/*" % place for place in ("doc", "locale", "man")]
                   + ["--customize-hook=" + KERNEL, "bookworm", CACHE + ".new"]
                   + ["deb %s bookworm%s main" % (mirror, suite) for suite in ("", "-updates")], check=True)
    os.rename(CACHE + ".new", CACHE)


def write(path, text, mode=0o644):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


def prepare(root, run, tests):
    subprocess.run(["tar", "-xf", CACHE, "-C", root, "--exclude=./dev/*"], check=True)
    os.rename(root + "/vmlinuz", root + "/../vmlinuz")
    os.makedirs(root + "/test")
    for name in ("agent.py", "inside.py", "network.py", "sandbox_test.py"):
        shutil.copy(os.path.join(HERE, name), root + "/test/")
    for program, name in (("sandbox-driver", "driver"), ("sandbox-stand-in", "stand_in")):
        shutil.copy(os.path.join(BUILD, "tests/sandbox", program), root + "/test/" + name)
    subprocess.run(["chroot", root, "useradd", "--uid", "1000", "--create-home", "tester"], check=True)
    write(root + "/etc/systemd/system/tests.service", UNIT)
    subprocess.run(["chroot", root, "systemctl", "--quiet", "enable", "tests.service"], check=True)
    subprocess.run(["chroot", root, "systemctl", "--quiet", "mask", "serial-getty@ttyS0.service"], check=True)
    write(root + "/etc/fstab", "")
    write(root + "/init", INIT, 0o755)
    write(root + "/run-tests", RUN % {"limit": LIMIT - 60, "run": run, "tests": " ".join(tests)}, 0o755)


def boot(work, root):
    """True when the tests inside said so on the serial line."""
    with open(work + "/initramfs", "wb") as image:
        subprocess.run("find . -print0 | cpio --null --create --format=newc --quiet", shell=True, cwd=root, stdout=image,
                       check=True)
    shutil.rmtree(root)
    command = ["qemu-system-x86_64", *os.environ.get("QEMU_ACCEL", "-accel tcg,thread=multi -cpu max").split(),
               "-m", "3G", "-smp", "2", "-nographic", "-no-reboot", "-nic", "none", "-kernel", work + "/vmlinuz",
               "-initrd", work + "/initramfs", "-append", "console=ttyS0 panic=-1 quiet systemd.show_status=0"]
    passed = False
    process = subprocess.Popen(["timeout", str(LIMIT)] + command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    for line in process.stdout:
        text = line.decode(errors="replace").rstrip()
        print(text, flush=True)
        passed = passed or text == "exit 0"
    process.wait()
    return passed


def main():
    arguments = sys.argv[1:]
    if "--help" in arguments or os.geteuid() != 0:
        sys.exit(__doc__)
    runs = [name for name in arguments if name in RUNS] or list(RUNS)
    tests = [name for name in arguments if name not in RUNS]
    make_debian()
    failed = []
    for run in runs:
        print("== %s: %s" % (run, RUNS[run]), flush=True)
        with tempfile.TemporaryDirectory(prefix="streamspace-vm-", dir="/var/tmp") as work:
            os.mkdir(work + "/root", 0o755)
            prepare(work + "/root", run, tests)
            if not boot(work, work + "/root"):
                failed.append(run)
    print("%d of %d runs passed%s" % (len(runs) - len(failed), len(runs), "; failed: " + " ".join(failed) if failed else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
