#!/usr/bin/env python3
"""Real sandboxes, and programs in them that try to get out.

Run by `meson test --suite sandbox`. As root everything is tried; as an ordinary user what such a user can have, and the
rest is reported as skipped. Nothing outside of namespaces and control groups made here is changed.
"""

import json
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from agent import PATIENCE, Agent, CallFailed, read, wait_until  # noqa: E402
from inside import PROBES, script  # noqa: E402
from network import HOST_ADDRESSES, METADATA, SERVER_ADDRESSES, World  # noqa: E402

ROOT = os.geteuid() == 0
ORDINARY_UID = 54321
needs_root = unittest.skipUnless(ROOT, "needs root")
SLEEP = ["/usr/bin/sleep", "1000"]
MIB = 1 << 20
REFUSED = ("ECONNREFUSED", "EACCES", "EHOSTUNREACH", "EPERM")  # a listener is there: it is the filter that refuses


class SandboxTest(unittest.TestCase):
    """One agent per test class; after every test nothing of a session may be left."""

    user = None

    @classmethod
    def setUpClass(cls):
        cls.agent = Agent(user=cls.user)

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        groups = cls.agent.groups()
        log = cls.agent.log_text()
        cls.agent.remove()
        assert not groups, "the agent left its control groups: %s" % groups
        for word in ("ERROR: AddressSanitizer", "runtime error:", "WARNING: ThreadSanitizer", "LeakSanitizer"):
            assert word not in log, log

    def setUp(self):
        self.sessions = []

    def tearDown(self):
        for name in self.sessions:
            self.agent.stop(name)
        self.assertEqual(self.agent.left(), [])

    def name(self, text="s"):
        name = "%s-%s" % (text, os.urandom(3).hex())
        self.sessions.append(name)
        return name

    def run_inside(self, text, **more):
        """A session that runs a script, and what it says."""
        name = self.name()
        self.agent.python(name, script(text), **more)
        return name, self.agent.result(name)

    def fails(self, kind, call, *arguments, **more):
        with self.assertRaises(CallFailed) as failure:
            call(*arguments, **more)
        self.assertEqual(failure.exception.kind, kind, failure.exception.error)
        return failure.exception.error


class Life(SandboxTest):
    def test_start_stream_stop(self):
        name = self.name()
        self.agent.start(name, SLEEP)
        stages = [e["stage"] for e in self.agent.events if e["event"] == "stage" and e["session"] == name]
        self.assertIn("preparing sandbox", stages)
        self.assertEqual(self.agent.call("stream", session=name)["data"], "RFB 003.008\nping")
        self.assertEqual(self.agent.stop(name)["ok"], True)
        self.assertEqual(self.agent.left(), [])
        self.assertEqual(self.agent.stop(name)["ok"], True)  # gone is success
        self.fails("not_found", self.agent.call, "stream", session=name)

    def test_start_is_idempotent(self):
        name = self.name()
        self.agent.start(name, SLEEP)
        pid = self.agent.display_pid(name)
        self.agent.start(name, SLEEP)
        self.assertEqual(self.agent.display_pid(name), pid)

    def test_start_and_stop_are_quick(self):
        starts, stops = [], []
        for _ in range(10):
            name = self.name()
            starts.append(self.agent.start(name, SLEEP)["ms"])
            stops.append(self.agent.stop(name)["ms"])
        starts.sort()
        stops.sort()
        print("start p50 %.0f ms, stop p50 %.0f ms (stand-in display)" % (starts[5], stops[5]), file=sys.stderr)
        self.assertLess(starts[5], 1000 * PATIENCE)
        self.assertLess(stops[5], 500 * PATIENCE)

    def test_application_ends_the_session(self):
        for command, failed in ((["/usr/bin/true"], False), (["/bin/sh", "-c", "exit 3"], True)):
            name = self.name()
            self.agent.start(name, command)
            event = self.agent.event(lambda e: e["event"] == "ended" and e["session"] == name)
            self.assertIsNotNone(event)
            self.assertEqual(event["failed"], failed)
            self.assertIn("application exited with code", event["reason"])
            # Its place can be taken again at once.
            self.agent.start(name, SLEEP)

    def test_stop_is_no_news(self):
        name = self.name()
        self.agent.start(name, SLEEP)
        self.agent.stop(name)
        self.assertIsNone(self.agent.event(lambda e: e["event"] == "ended" and e["session"] == name, limit=0.3))

    def test_program_that_is_not_there(self):
        name = self.name()
        self.agent.start(name, ["/usr/bin/no-such-program"])
        event = self.agent.event(lambda e: e["event"] == "ended" and e["session"] == name)
        self.assertTrue(event["failed"])
        self.assertIn("cannot run /usr/bin/no-such-program", self.agent.log_of(name))

    def test_can_run(self):
        self.assertTrue(self.agent.call("can_run", command=["sh"])["can"])
        answer = self.agent.call("can_run", command=["no-such-program"])
        self.assertFalse(answer["can"])
        self.assertIn("not installed", answer["reason"])
        self.assertFalse(self.agent.call("can_run", command=["/etc/passwd"])["can"])

    def test_many_at_once(self):
        def descriptors():
            return len(os.listdir("/proc/%d/fd" % self.agent.process.pid))

        self.agent.start(self.name(), SLEEP)
        before = descriptors()
        for _ in range(2):
            names = [self.name() for _ in range(10)]
            calls = [self.agent.begin("start", **self.agent.start_arguments(n, SLEEP)) for n in names]
            for number in calls:
                self.agent.finish(number)
            for number in [self.agent.begin("stop", session=n) for n in names]:
                self.agent.finish(number)
        self.assertIsNotNone(wait_until(lambda: descriptors() <= before, 3), "descriptors grow")

    def test_wrong_input(self):
        good = self.agent.start_arguments("x", SLEEP)
        for change in ({"session": "../x"}, {"session": "A"}, {"command": []}, {"token": "secret"}, {"network": "all"},
                       {"home": "../etc"}, {"home": ".ssh"}, {"user": "../root"}):
            self.fails("invalid", self.agent.call, "start", **{**good, **change})

    def test_descriptors_of_process_one(self):
        name = self.name()
        self.agent.start(name, SLEEP)
        pid = self.agent.display_pid(name)
        links = {os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in os.listdir("/proc/%d/fd" % pid)}
        allowed = ("socket:", "/dev/null", "anon_inode:[signalfd]", "/tmp/run/display.log", "/run/streamspace/")
        self.assertEqual([x for x in links if not x.startswith(allowed)], [])

    def test_a_display_that_does_not_play(self):
        for mode, part in (("mode:die", "ended while it started"), ("mode:nonsense", "nonsense"),
                           ("mode:flood", "nonsense"), ("mode:silent", "not ready in time")):
            name = self.name()
            error = self.fails("unavailable", self.agent.start, name, [mode], ms=1500)
            self.assertIn(part, error)
            self.assertEqual(self.agent.left(), [])


class Isolation(SandboxTest):
    def test_identity(self):
        name, seen = self.run_inside('''
import platform
result({"uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(), "host": platform.node(),
        "env": dict(os.environ), "home": os.listdir("/home"), "cwd": os.getcwd(),
        "status": open("/proc/self/status").read(), "mode": oct(os.stat("/tmp").st_mode)})
stay()''', env=["EXTRA=1"])
        self.assertEqual((seen["uid"], seen["gid"]), (1000, 1000))
        self.assertEqual(seen["host"], name)
        self.assertEqual(seen["home"], ["user"])
        self.assertEqual(seen["cwd"], "/home/user")
        self.assertEqual(seen["env"]["EXTRA"], "1")
        self.assertEqual(seen["mode"], "0o41777")
        self.assertIn("NoNewPrivs:\t1", seen["status"])
        self.assertIn("CapBnd:\t0000000000000000", seen["status"])
        self.assertIn("CapEff:\t0000000000000000", seen["status"])
        self.assertIn("Seccomp:\t2", seen["status"])

    def test_host_secrets(self):
        os.environ["SANDBOX_TEST_SECRET"] = "hidden-in-the-environment"
        agent = Agent(user=self.user, label="secret")
        try:
            name = "secret"
            agent.python(name, script('''
found = []
for path in %r:
    if os.path.lexists(path):
        found.append(path)
environments = b""
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        environments += open("/proc/%%s/environ" %% pid, "rb").read()
    except OSError as error:
        environments += str(error).encode()
writable = []
for top in ("/", "/usr", "/etc", "/dev", "/var", "/run", "/opt", "/home", "/proc/sys/kernel", "/sys"):
    if attempt(os.open, os.path.join(top, "probe"), os.O_CREAT | os.O_WRONLY) is None:
        writable.append(top)
result({"found": found, "secret": b"hidden-in-the" in environments, "writable": writable,
        "pids": sorted(map(int, filter(str.isdigit, os.listdir("/proc"))))})
stay()''' % ([agent.state, agent.root, "/root", "/etc/shadow", "/etc/ssh", "/etc/sudoers", "/etc/gshadow", "/var/lib",
              "/var/log", "/var/run/docker.sock", "/run/docker.sock", "/run/dbus", "/run/systemd", "/boot", "/srv",
              "/mnt", "/sys/kernel", "/dev/vda", "/dev/kmsg", "/dev/mem", "/dev/net", "/dev/fuse", "/home/user/.ssh",
              "/run/streamspace/display.json"],)))
            seen = agent.result(name)
            self.assertEqual(seen["found"], [])
            self.assertFalse(seen["secret"])
            self.assertEqual(seen["writable"], [])
            self.assertEqual(seen["pids"], [1, 2])
            agent.stop(name)
            self.assertEqual(agent.left(), [])
        finally:
            agent.close()
            agent.remove()
            del os.environ["SANDBOX_TEST_SECRET"]

    def test_two_sessions(self):
        """Neither files nor processes, sockets, shared memory, ports or displays of one are the other's."""
        tag = os.urandom(4).hex()
        first, made = self.run_inside('''
tag = %r
for place in ("/tmp/", "/dev/shm/", "/home/user/", "/run/user/1000/", "/run/streamspace/"):
    open(place + tag, "w").write("private")
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\\0" + tag)
abstract.listen()
display = socket.socket(socket.AF_UNIX)
display.bind("\\0/tmp/.X11-unix/X7")
display.listen()
port = socket.socket()
port.bind(("0.0.0.0", 45454))
port.listen()
shm = libc.shmget(0x5353, 4096, 0o1666)
result({"shm": shm})
stay()''' % tag, user="alice")
        self.assertGreaterEqual(made["shm"], 0)
        second, seen = self.run_inside('''
tag = %r
def dial(address):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(address)
files = []
for top, _, names in os.walk("/"):
    if not top.startswith(("/usr", "/proc", "/etc")):
        files += [os.path.join(top, n) for n in names if n == tag]
ctypes.set_errno(0)
shm = libc.shmget(0x5353, 4096, 0)
before = sorted(os.listdir("/proc"))
killed = attempt(os.kill, -1, 0)
result({"files": files, "abstract": attempt(dial, "\\0" + tag), "display": attempt(dial, "\\0/tmp/.X11-unix/X7"),
        "port": connect("127.0.0.1", 45454), "shm": shm, "commands": [open("/proc/%%s/cmdline" %% p).read()
        for p in os.listdir("/proc") if p.isdigit()]})
stay()''' % tag, user="bob")
        self.assertEqual(seen["files"], [])
        self.assertEqual(seen["abstract"], "ECONNREFUSED")
        self.assertEqual(seen["display"], "ECONNREFUSED")
        self.assertEqual(seen["port"], "ECONNREFUSED")
        self.assertEqual(seen["shm"], -1)
        self.assertEqual(len(seen["commands"]), 2)
        if ROOT and self.user is None:
            uids = [os.stat("/proc/%d" % self.agent.display_pid(n)).st_uid for n in (first, second)]
            self.assertNotEqual(uids[0], uids[1])
            self.assertTrue(all(0x70000000 <= uid <= 0x7fffffff for uid in uids), uids)

    def test_killing_everything_stays_inside(self):
        victim = self.name()
        self.agent.start(victim, SLEEP)
        self.run_inside('''
signal.signal(signal.SIGTERM, signal.SIG_IGN)
attempt(os.kill, -1, signal.SIGTERM)
attempt(os.kill, -1, signal.SIGKILL)
result(1)
stay()''')
        self.assertEqual(self.agent.call("stream", session=victim)["data"], "RFB 003.008\nping")

    def test_refused_calls(self):
        _, seen = self.run_inside('''
CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x00020000
def sock(family, kind=socket.SOCK_DGRAM, protocol=0):
    return attempt(socket.socket, family, kind, protocol)
result({
    "mount": syscall(165, b"none", b"/tmp", b"tmpfs", 0, 0), "umount": syscall(166, b"/tmp", 0),
    "fsopen": syscall(430, b"tmpfs", 0), "open_tree": syscall(428, -100, b"/", 1), "pivot_root": syscall(155, b"/", b"/"),
    "unshare": syscall(272, CLONE_NEWUSER), "unshare_ns": syscall(272, CLONE_NEWNS), "setns": syscall(308, 0, 0),
    "clone": syscall(56, CLONE_NEWUSER | 17, 0, 0, 0, 0), "clone3": syscall(435, 0, 0),
    "keyctl": syscall(250, 0, -3, 0), "add_key": syscall(248, b"user", b"x", b"y", 1, -3),
    "bpf": syscall(321, 0, 0, 0), "perf": syscall(298, 0, 0, -1, -1, 0), "userfaultfd": syscall(323, 0),
    "io_uring": syscall(425, 1, 0), "init_module": syscall(175, 0, 0, 0), "kexec": syscall(246, 0, 0, 0, 0),
    "ptrace": syscall(101, 16, 1, 0, 0), "vm_readv": syscall(310, 1, 0, 0, 0, 0, 0), "kcmp": syscall(312, 1, 1, 0, 0, 0),
    "settime": syscall(227, 0, 0), "chroot": syscall(161, b"/"), "swapon": syscall(167, b"/x", 0),
    "handle": syscall(304, -1, 0, 0), "quotactl": syscall(179, 0, 0, 0, 0), "sethostname": syscall(170, b"x", 1),
    "personality": syscall(135, 0x0040000), "mknod": attempt(os.mknod, "/tmp/dev", 0o060644, os.makedev(254, 0)),
    "packet": sock(17, socket.SOCK_RAW), "raw": sock(socket.AF_INET, socket.SOCK_RAW, 1), "vsock": sock(40, socket.SOCK_STREAM),
    "alg": sock(38, socket.SOCK_SEQPACKET), "bluetooth": sock(31, socket.SOCK_RAW), "can": sock(29, socket.SOCK_RAW),
    "tipc": sock(30, socket.SOCK_STREAM), "x25": sock(9, socket.SOCK_SEQPACKET), "xdp": sock(44, socket.SOCK_RAW),
    "setuid": attempt(os.setuid, 0), "memory of 1": attempt(os.open, "/proc/1/mem", os.O_RDWR),
    "allowed": {"thread": syscall(186), "unix": sock(socket.AF_UNIX), "inet": sock(socket.AF_INET),
                "netlink": sock(16, socket.SOCK_RAW), "personality": syscall(135, 0xffffffff)},
})
stay()''')
        self.assertEqual(seen.pop("allowed"), {"thread": None, "unix": None, "inet": None, "netlink": None, "personality": None})
        memory = seen.pop("memory of 1")  # the stand-in does not protect itself; the display does
        self.assertIn(memory, (None, "EACCES", "EPERM"))
        self.assertEqual({name for name, error in seen.items() if error is None}, set())
        self.assertEqual(seen["clone3"], "ENOSYS")
        self.assertEqual(seen["vsock"], "EAFNOSUPPORT")

    def test_templates_with_namespaces(self):
        _, seen = self.run_inside('''
result({"unshare": syscall(272, 0x10000000), "mount": syscall(165, b"none", b"/tmp", b"tmpfs", 0, 0)})
stay()''', template={"sandbox": {"userNamespaces": True}})
        self.assertIsNone(seen["unshare"])
        self.assertEqual(seen["mount"], "EPERM")

    def test_no_network(self):
        _, seen = self.run_inside('''
result({"interfaces": [n for _, n in socket.if_nameindex()], "out": connect("192.0.2.1", 80),
        "resolver": os.path.exists("/etc/resolv.conf")})
stay()''')
        self.assertEqual(seen, {"interfaces": ["lo"], "out": "ENETUNREACH", "resolver": False})


class Ceilings(SandboxTest):
    def test_fork_bomb(self):
        other = self.name()
        self.agent.start(other, SLEEP)
        _, seen = self.run_inside('''
children = 0
error = None
while error is None and children < 5000:
    try:
        if os.fork() == 0:
            time.sleep(1000)
        children += 1
    except OSError as e:
        error = errno.errorcode[e.errno]
result({"children": children, "error": error})
while True:
    try:
        if os.fork() == 0:
            while True:
                attempt(os.fork)
    except OSError:
        pass''', pids=64)
        self.assertEqual(seen["error"], "EAGAIN")
        self.assertLessEqual(seen["children"], 64)
        self.assertEqual(self.agent.call("stream", session=other)["data"], "RFB 003.008\nping")
        bomb = self.sessions[-1]
        self.assertLess(self.agent.stop(bomb)["ms"], 3000 * PATIENCE)

    def test_disk_filler(self):
        _, seen = self.run_inside('''
sizes = {}
for place in ("/home/user", "/tmp", "/dev/shm", "/run/user/1000", "/run/streamspace"):
    sizes[place] = fill(place + "/filler")
    attempt(os.unlink, place + "/filler")
result(sizes)
stay()''', memory=256 * MIB)
        for place, (written, error) in seen.items():
            self.assertEqual(error, "ENOSPC", place)
            self.assertLessEqual(written, 64 * MIB, place)
        self.assertGreaterEqual(seen["/home/user"][0], 63 * MIB)

    def test_home_size(self):
        _, seen = self.run_inside('result(fill("/home/user/filler"))\nstay()', homeBytes=20 * MIB)
        self.assertEqual(seen, [20 * MIB, "ENOSPC"])
        _, seen = self.run_inside('result(fill("/home/user/filler"))\nstay()', memory=128 * MIB, homeBytes=1 << 30)
        self.assertEqual(seen, [64 * MIB, "ENOSPC"])


class Groups(SandboxTest):
    """What needs control groups: root has them, an ordinary user where they were given to him."""

    def setUp(self):
        super().setUp()
        if (not ROOT or self.user is not None) and self.agent.warnings("control group"):
            self.skipTest("no control groups were given to this user")

    def test_no_warnings(self):
        self.assertEqual(self.agent.warnings("control group"), [])
        self.assertTrue(self.agent.groups())

    def test_memory_hog(self):
        other = self.name()
        self.agent.start(other, SLEEP)
        name = self.name()
        self.agent.python(name, script('''
hoard = []
while True:
    hoard.append(bytearray(8 << 20))'''), memory=96 * MIB)
        event = self.agent.event(lambda e: e["event"] == "ended" and e["session"] == name, limit=20)
        self.assertIsNotNone(event)
        self.assertTrue(event["failed"])
        self.assertIn("out of memory", event["reason"])
        self.assertIn("96 MiB", event["reason"])
        self.assertEqual(self.agent.call("stream", session=other)["data"], "RFB 003.008\nping")

    def test_everything_full_is_no_more_than_the_ceiling(self):
        name, seen = self.run_inside('''
result([fill(p + "/filler") for p in ("/home/user", "/tmp", "/dev/shm")])
stay()''', memory=128 * MIB)
        self.assertEqual([error for _, error in seen], ["ENOSPC"] * 3)
        self.assertLessEqual(self.agent.call("usage", session=name)["memory"], 128 * MIB)

    def test_inode_filler(self):
        name = self.name()
        self.agent.python(name, script('''
error = None
count = 0
while error is None and count < 2000000:
    error = attempt(lambda: os.close(os.open("/tmp/%d" % count, os.O_CREAT | os.O_WRONLY)))
    count += 1
result([count, error])
stay()'''), memory=64 * MIB)

        def over():
            ended = self.agent.event(lambda e: e["event"] == "ended" and e["session"] == name, limit=0.1)
            return ended or "RESULT" in self.agent.log_of(name)

        self.assertTrue(wait_until(over, 60), "neither refused nor ended")

    def test_processor(self):
        name = self.name()
        self.agent.python(name, "while True: pass", cpu=200)
        threading.Event().wait(3.5)  # the start's allowance is over
        before = self.agent.call("usage", session=name)["cpu"]
        begin = time.monotonic()
        threading.Event().wait(2)
        used = self.agent.call("usage", session=name)["cpu"] - before
        share = used / 1e6 / (time.monotonic() - begin)
        self.assertLess(share, 0.3)
        self.assertGreater(share, 0.1)

    def ceilings(self, name, *files):
        """The first words of these files in the session's control groups."""
        return [read(f"{directory}/{file}").split()[0] for directory, _, _ in os.walk("/sys/fs/cgroup")
                if directory.endswith("/" + name) for file in files if os.path.exists(f"{directory}/{file}")]

    def share(self, name, seconds=1.5):
        """How much of a processor the session takes."""
        before, begin = self.agent.call("usage", session=name)["cpu"], time.monotonic()
        threading.Event().wait(seconds)
        return (self.agent.call("usage", session=name)["cpu"] - before) / 1e6 / (time.monotonic() - begin)

    def test_other_ceilings_while_it_runs(self):
        name = self.name()
        self.agent.python(name, script("""
held = bytearray(b"x") * (120 << 20)
print("HOLDS", flush=True)
while True:
    pass"""), cpu=200, memory=256 * MIB)
        self.assertTrue(wait_until(lambda: "HOLDS" in self.agent.log_of(name), 10))
        self.assertTrue(wait_until(lambda: self.share(name, 0.5) < 0.3, 10))  # the start's allowance is over
        self.agent.call("update", session=name, cpu=800)
        self.assertEqual(self.ceilings(name, "cpu.cfs_quota_us", "cpu.max"), ["16000"])
        self.agent.call("update", session=name, cpu=100, memory=512 * MIB)
        self.assertLess(self.share(name), 0.2)
        self.assertIn("memory are in use", self.fails("conflict", self.agent.call, "update", session=name, memory=64 * MIB))
        self.assertIsNone(self.agent.event(lambda e: e["event"] == "ended" and e["session"] == name, 0.5))
        self.agent.call("update", session=name, memory=384 * MIB)
        self.assertEqual(self.ceilings(name, "memory.limit_in_bytes", "memory.max"), [str(384 * MIB)])
        # What was given holds after a restart of the agent, too.
        self.agent.kill()
        self.agent.spawn()
        self.assertEqual(self.agent.call("adopt")["sessions"], {name: "running"})
        self.assertLess(self.share(name), 0.2)
        self.fails("not_found", self.agent.call, "update", session="nobody", cpu=100)

    def test_freeze(self):
        name = self.name()
        self.agent.python(name, "while True: pass")
        self.agent.call("freeze", session=name)
        before = self.agent.call("usage", session=name)["cpu"]
        threading.Event().wait(0.3)
        self.assertEqual(self.agent.call("usage", session=name)["cpu"], before)
        self.agent.kill()
        self.agent.spawn()
        self.assertEqual(self.agent.call("adopt")["sessions"], {name: "frozen"})
        self.agent.call("thaw", session=name)
        self.assertEqual(self.agent.call("stream", session=name)["data"], "RFB 003.008\nping")
        after = self.agent.call("usage", session=name)["cpu"]
        self.assertTrue(wait_until(lambda: self.agent.call("usage", session=name)["cpu"] > after, 3))
        self.agent.call("freeze", session=name)
        self.assertLess(self.agent.stop(name)["ms"], 1000 * PATIENCE)


class Hostile(SandboxTest):
    """A session that turns against the agent through what it may write: its private directory."""

    def attack(self, text):
        name, _ = self.run_inside('os.chdir("/run/streamspace")\n%s\nresult(1)\nstay()' % text)
        return name

    def listener(self):
        path = os.path.join(self.agent.root, "victim.sock")
        if os.path.exists(path):
            os.unlink(path)
        victim = socket.socket(socket.AF_UNIX)
        victim.bind(path)
        os.chmod(path, 0o666)
        os.chmod(self.agent.root, 0o711)
        victim.listen()
        victim.settimeout(0.2)
        self.addCleanup(victim.close)
        return path, victim

    def test_port_replaced(self):
        path, victim = self.listener()
        for text, kinds in (
                ('os.unlink("port.sock"); os.symlink(%r, "port.sock")' % path, ("forbidden",)),
                ('os.unlink("port.sock"); os.symlink("/proc/1/root/run/streamspace/other.sock", "port.sock")', ("forbidden",)),
                ('os.unlink("port.sock"); os.mkfifo("port.sock")', ("forbidden",)),
                ('os.unlink("port.sock"); os.mkdir("port.sock")', ("forbidden",)),
                ('os.unlink("port.sock"); open("port.sock", "w").close()', ("forbidden",)),
                ('os.unlink("port.sock")', ("unavailable", "not_found"))):
            name = self.attack(text)
            with self.assertRaises(CallFailed) as failure:
                self.agent.call("stream", session=name, ms=1000)
            self.assertIn(failure.exception.kind, kinds, failure.exception.error)
            self.assertLess(failure.exception.ms, 1500 * PATIENCE)
        with self.assertRaises(socket.timeout):
            victim.accept()

    def test_port_that_answers_nonsense(self):
        serve = '''
import threading
os.unlink("port.sock")
port = socket.socket(socket.AF_UNIX)
port.bind("port.sock")
port.listen()
def serve():
    while True:
        peer, _ = port.accept()
        threading.Thread(target=answer, args=(peer,)).start()
def answer(peer):
    try:
        %s
    except OSError:
        pass
threading.Thread(target=serve).start()'''
        for body in ('time.sleep(1000)', 'peer.close()', 'peer.sendall(b"hello\\r\\n\\r\\n"); time.sleep(1000)',
                     'peer.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n"); time.sleep(1000)',
                     'peer.sendall(b"HTTP/1.1 101 " + b"x" * 10000); time.sleep(1000)',
                     'peer.sendall(b"\\0" * 100); time.sleep(1000)',
                     'exec("while True:\\n peer.sendall(b\\"x\\")\\n time.sleep(.01)")'):
            name = self.attack(serve % body)
            with self.assertRaises(CallFailed) as failure:
                self.agent.call("stream", session=name, ms=500)
            self.assertEqual(failure.exception.kind, "unavailable", failure.exception.error)
            self.assertLess(failure.exception.ms, 1000 * PATIENCE, body)

    def test_log_replaced(self):
        secret = os.path.join(self.agent.root, "secret")
        with open(secret, "w") as f:
            f.write("hidden-in-a-file")
        os.chmod(secret, 0o644)
        for text in ('os.unlink("session.log"); os.symlink(%r, "session.log")' % secret,
                     'os.unlink("session.log"); os.symlink("/etc/passwd", "session.log")',
                     'os.unlink("session.log"); os.mkfifo("session.log")',
                     'os.unlink("session.log"); os.mkdir("session.log")'):
            name = self.name()
            self.agent.python(name, script('os.chdir("/run/streamspace")\n%s\nopen("/run/streamspace/done", "w")\nstay()' % text))
            done = "/proc/%d/root/run/streamspace/done" % self.agent.display_pid(name)
            self.assertTrue(wait_until(lambda: os.path.exists(done), 10))
            answer = self.agent.call("logs", session=name, max=65536)
            self.assertEqual(answer["text"], "")
            self.assertLess(answer["ms"], 500 * PATIENCE)

    def test_huge_log(self):
        name = self.attack('os.truncate("session.log", 1 << 40); print()')
        answer = self.agent.call("logs", session=name, max=10000)
        self.assertEqual(len(answer["text"]), 10000)
        self.assertLess(answer["ms"], 500 * PATIENCE)

    def test_display_killed(self):
        """A session that ends its own display is told as ended."""
        name = self.name()
        self.agent.start(name, SLEEP)
        os.kill(self.agent.display_pid(name), signal.SIGKILL)
        event = self.agent.event(lambda e: e["event"] == "ended" and e["session"] == name)
        self.assertTrue(event["failed"])
        self.assertIn("display died", event["reason"])


LEFT_OUT = "[lines were left out here: they came faster than they were read]"


class Logs(SandboxTest):
    """A log that is followed: what is there, what comes, and its end; whatever the session makes of it."""

    def writer(self):
        """A session that runs what is given to it by writing into a file of its private directory."""
        name = self.name()
        self.agent.python(name, script('''
os.chdir("/run/streamspace")
done = 0
print("begin", flush=True)
while True:
    try:
        text = open("ask-%d" % done).read()
    except OSError:
        time.sleep(0.02)
        continue
    exec(text)
    done += 1'''))
        self.assertTrue(wait_until(lambda: "begin\n" in self.agent.log_of(name)))
        place = "/proc/%d/root/run/streamspace" % self.agent.display_pid(name)
        uid = str(os.stat(place).st_uid)
        become = ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups"] if ROOT else []
        count = 0

        def tell(text):
            nonlocal count
            subprocess.run(become + ["sh", "-c", 'cat >"$0/new" && mv "$0/new" "$0/$1"', place, "ask-%d" % count],
                           input=text, text=True, check=True, timeout=20)
            count += 1

        return name, tell

    def follow(self, name, **more):
        seen = len([e for e in self.agent.events if e["event"] == "following"])
        number = self.agent.begin("follow", session=name, **{"ms": int(10000 * PATIENCE), **more})
        self.assertTrue(wait_until(lambda: len([e for e in self.agent.events if e["event"] == "following"]) > seen))
        return number

    def test_pushed(self):
        name, tell = self.writer()
        followers = [self.follow(name, until="third\n") for _ in range(3)]
        late = self.follow(name, until="never", tail=6)
        for word in ("first", "second", "third"):
            tell('print(%r, flush=True)' % word)
        for number in followers:
            self.assertEqual(self.agent.finish(number)["text"], "begin\nfirst\nsecond\nthird\n")
        self.agent.stop(name)
        answer = self.agent.finish(late)
        self.assertTrue(answer["ended"])
        self.assertEqual(answer["text"], "begin\nfirst\nsecond\nthird\n")

    def test_turned_over(self):
        """A log that is renamed and begun anew is followed on."""
        name, tell = self.writer()
        number = self.follow(name, until="last\n")
        turn = 'os.rename("session.log", "session.log.1")\nwith open("session.log", "a") as log:\n    log.write(%r)\n'
        tell('with open("session.log", "a") as log:\n    log.write("one\\n")\n' + turn % "two\n")
        self.assertEqual(self.agent.finish(self.follow(name, until="two\n"))["text"], "begin\none\ntwo\n")
        tell(turn % "last\n")
        # On a machine that is busy the first follower may be overtaken; then it says so, and nothing else is missing.
        self.assertIn(self.agent.finish(number)["text"], ("begin\none\ntwo\nlast\n", f"begin\none\n{LEFT_OUT}\nlast\n"))
        # Twice between two looks: what is missing is said.
        number = self.follow(name, until="end\n", tail=5)
        tell(turn % "lost\n" * 3 + turn % "end\n")
        text = self.agent.finish(number)["text"]
        self.assertTrue(text.startswith("last\n") and text.endswith("end\n"), text)
        self.assertIn("lines were left out", text)
        self.assertNotIn("lost\nlost\nlost\n", text)

    def test_emptied(self):
        name, tell = self.writer()
        number = self.follow(name, until="anew\n")
        tell('print("x" * 100, flush=True)')
        tell('time.sleep(0.3)\nos.truncate("session.log", 0)\nprint("anew", flush=True)')
        self.assertTrue(self.agent.finish(number)["text"].endswith("anew\n"))

    def test_flood(self):
        """Gigabytes of log cost the agent what its limits say, and other calls go on."""
        name, tell = self.writer()
        number = self.follow(name, ms=int(3000 * min(PATIENCE, 3)))
        tell('os.truncate("session.log", 1 << 40)\nfor _ in range(2000000): os.write(1, b"y")')
        self.assertEqual(self.agent.call("stream", session=name)["data"], "RFB 003.008\nping")
        stat_before = read("/proc/%d/stat" % self.agent.process.pid).rpartition(")")[2].split()
        answer = self.agent.finish(number)
        stat_after = read("/proc/%d/stat" % self.agent.process.pid).rpartition(")")[2].split()
        used = sum(int(b) - int(a) for a, b in zip(stat_before[11:13], stat_after[11:13])) / os.sysconf("SC_CLK_TCK")
        self.assertLess(used, 1.0 * PATIENCE)
        self.assertLess(len(answer["text"]), 16 << 20)
        self.assertIn("lines were left out", answer["text"])

    def test_replaced(self):
        """Neither links nor pipes are followed; a log that comes back is."""
        name, tell = self.writer()
        secret = os.path.join(self.agent.root, "secret")
        with open(secret, "w") as file:
            file.write("hidden-in-a-file")
        number = self.follow(name, until="back\n")
        for text in ('os.symlink(%r, "session.log")' % secret, 'os.symlink("/etc/passwd", "session.log")',
                     'os.mkfifo("session.log")', 'os.mkdir("session.log")'):
            tell('os.rename("session.log", "gone-%%d" %% done)\n%s\ntime.sleep(0.1)' % text)
        tell('os.rename("session.log", "gone")\nwith open("session.log", "w") as log: log.write("back\\n")')
        text = self.agent.finish(number)["text"]
        self.assertTrue(text.startswith("begin\n") and text.endswith("back\n"), text)
        self.assertNotIn("hidden", text)
        self.assertNotIn("root:", text)

    def test_who_does_not_read(self):
        """One reader that does not read holds up nobody."""
        name, tell = self.writer()
        slow = self.follow(name, idle=True, ms=int(4000 * PATIENCE))
        number = self.follow(name, until="end\n", tail=0)
        tell('print("z" * 3000000, flush=True)\nprint("end", flush=True)')
        begin = time.monotonic()
        self.assertTrue(self.agent.finish(number)["text"].endswith("z\nend\n"))
        self.assertLess(time.monotonic() - begin, 3 * PATIENCE)
        self.assertEqual(self.agent.stop(name)["ok"], True)
        self.assertEqual(self.agent.finish(slow)["text"], "")

    def test_no_session(self):
        self.fails("not_found", self.agent.call, "follow", session="no-such")


class Homes(SandboxTest):
    def test_persistent_home(self):
        name, _ = self.run_inside('open("/home/user/kept", "w").write("kept")\nresult(1)\nstay()', home="home-alice")
        self.fails("conflict", self.agent.start, self.name(), SLEEP, home="home-alice")
        error = self.fails("conflict", self.agent.start, "another", SLEEP, home="home-alice")
        self.assertIn(name, error)
        self.agent.stop(name)
        other, seen = self.run_inside('result(open("/home/user/kept").read())\nstay()', home="home-alice")
        self.assertEqual(seen, "kept")
        path = os.path.join(self.agent.state, "homes/home-alice")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o700)
        self.agent.stop(other, deleteHome=True)
        self.assertFalse(os.path.exists(path))

    def test_home_of_another(self):
        if self.user is not None or not ROOT:
            self.skipTest("needs root: others have one id for all users")
        name = self.name()
        self.agent.start(name, ["/usr/bin/touch", "/home/user/x"], home="home-carol", user="carol")
        self.agent.stop(name)
        error = self.fails("conflict", self.agent.start, self.name(), SLEEP, home="home-carol", user="dave")
        self.assertIn("belongs to another user", error)
        shutil.rmtree(os.path.join(self.agent.state, "homes/home-carol"))

    def test_time_to_save(self):
        name, _ = self.run_inside('''
def save(*_):
    time.sleep(0.3)
    open("/home/user/saved", "w").write("whole")
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
result(1)
stay()''', home="home-saver")
        self.agent.stop(name)
        path = os.path.join(self.agent.state, "homes/home-saver")
        with open(os.path.join(path, "saved")) as saved:
            self.assertEqual(saved.read(), "whole")
        # One that does not want to end is given a limit.
        name, _ = self.run_inside('signal.signal(signal.SIGTERM, signal.SIG_IGN)\nresult(1)\nstay()', home="home-saver")
        self.assertLess(self.agent.stop(name, deleteHome=True)["ms"], 4000 * PATIENCE)

    def test_deep_home(self):
        """A home that was made to be hard to delete."""
        name, _ = self.run_inside('''
os.chdir("/home/user")
for _ in range(1500):
    os.mkdir("d")
    os.chdir("d")
os.symlink("/etc", "link")
os.chdir("/home/user")
os.mkdir("closed")
open("closed/file", "w")
os.chmod("closed", 0)
result(1)
stay()''', home="home-deep")
        self.agent.stop(name, deleteHome=True)
        self.assertFalse(os.path.exists(os.path.join(self.agent.state, "homes/home-deep")))


class Adoption(SandboxTest):
    def restart(self):
        self.agent.kill()
        self.agent.spawn()
        return self.agent.call("adopt")["sessions"]

    def test_kill_and_adopt(self):
        names = [self.name() for _ in range(3)]
        for name in names:
            self.agent.start(name, SLEEP)
        pids = [self.agent.display_pid(name) for name in names]
        self.assertEqual(self.restart(), {name: "running" for name in names})
        for name, pid in zip(names, pids):
            self.assertEqual(self.agent.display_pid(name), pid)
            self.assertEqual(self.agent.call("stream", session=name)["data"], "RFB 003.008\nping")
        os.kill(pids[0], signal.SIGKILL)
        event = self.agent.event(lambda e: e["event"] == "ended" and e["session"] == names[0])
        self.assertTrue(event["failed"])
        self.agent.start(names[1], SLEEP)  # runs already
        self.assertEqual(self.agent.display_pid(names[1]), pids[1])
        self.assertEqual(self.agent.call("adopt")["sessions"],
                         {names[0]: "gone", names[1]: "running", names[2]: "running"})

    def test_ended_line_after_adoption(self):
        name, _ = self.run_inside('signal.signal(signal.SIGUSR1, lambda *_: os._exit(7))\nresult(os.getpid())\nstay()')
        self.restart()
        pid = next(p for p, words in self.agent.processes().items()
                   if words.startswith("/usr/bin/python3") and "SIGUSR1" in words) if self.agent.groups() else None
        if pid is None:
            self.skipTest("without control groups the test does not find the process")
        os.kill(pid, signal.SIGUSR1)
        event = self.agent.event(lambda e: e["event"] == "ended" and e["session"] == name)
        self.assertEqual(event["reason"], "application exited with code 7")

    def test_ended_while_away(self):
        name = self.name()
        self.agent.start(name, SLEEP)
        pid = self.agent.display_pid(name)
        self.agent.kill()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not os.path.exists("/proc/%d/root/run" % pid))
        self.agent.spawn()
        self.assertEqual(self.agent.call("adopt")["sessions"], {name: "gone"})

    def test_quiet_end_keeps_sessions(self):
        name = self.name()
        self.agent.start(name, SLEEP)
        self.agent.close()
        self.agent.spawn()
        self.assertEqual(self.agent.call("adopt")["sessions"], {name: "running"})

    def test_killed_at_any_moment_of_a_start(self):
        """kill -9 the agent at random moments of a start: what it left can be found and removed."""
        states = set()
        seed = random.randrange(1 << 30)
        print("seed %d" % seed, file=sys.stderr)
        moments = random.Random(seed)
        for turn in range(int(os.environ.get("SANDBOX_KILLS", "25"))):
            name = self.name()
            self.agent.begin("start", **self.agent.start_arguments(
                name, SLEEP, network="outbound" if ROOT and turn % 3 == 0 and shutil.which("pasta") else "none"))
            threading.Event().wait(moments.uniform(0, 0.06))
            self.agent.kill()
            self.agent.spawn()
            found = self.agent.call("adopt")["sessions"]
            states.update(found.values())
            self.assertLessEqual(set(found), {name})
            # What happened between fork and record shows up later, if at all: give it the time to go by itself.
            self.agent.stop(name)
            self.assertTrue(wait_until(lambda: not self.agent.left(), 3), self.agent.left())
        print("states found: %s" % sorted(states), file=sys.stderr)

    def test_damaged_record(self):
        name = self.name()
        self.agent.start(name, SLEEP)
        self.agent.kill()
        if not self.agent.groups():
            self.agent.spawn()
            self.agent.call("adopt")
            self.skipTest("without control groups the record is all there is")
        with open(os.path.join(self.agent.state, "sessions", name + ".json"), "w") as record:
            record.write("{")
        self.agent.spawn()
        self.assertIn(self.agent.call("adopt")["sessions"][name], ("gone", "starting"))

    def test_another_agent_of_the_same_id(self):
        if not ROOT or self.user is not None:
            self.skipTest("needs root: others have no registry")
        second = subprocess.run([os.environ["SANDBOX_DRIVER"], self.agent.state, self.agent.id, self.agent.program,
                                 self.agent.ids], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        self.assertIn("another agent with the id", second.stdout)


@needs_root
@unittest.skipUnless(shutil.which("pasta"), "needs pasta (package passt)")
class Network(SandboxTest):
    """An agent on a host with two interfaces, in a world of namespaces (network.py)."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="streamspace-world-")
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.world = World(cls.directory)
        cls.addClassCleanup(cls.world.close)
        # As udev makes it: for everybody.
        tunnel = ["unshare", "--mount", "sh", "-c",
                  'mount -t tmpfs tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec "$@"', "sh"]
        cls.agent = Agent(user=cls.user, outer=cls.world.prefix() + tunnel, label="net")

    def probe(self, text, **more):
        name, seen = self.run_inside(text + "\nstay()", network=more.pop("network", "outbound"), **more)
        return name, seen

    def commanded(self):
        """A session that answers probes one after the other: write Python expressions into its home."""
        name = self.name()
        self.agent.python(name, script('''
done = 0
while True:
    try:
        text = open("/home/user/ask-%d" % done).read()
    except OSError:
        time.sleep(0.02)
        continue
    print("ANSWER%d " % done + json.dumps(eval(text)), flush=True)
    done += 1'''), network="outbound")
        home = "/proc/%d/root/home/user" % self.agent.display_pid(name)
        uid = str(self.agent.record(name)["uid"])
        count = 0

        def ask(expression):
            nonlocal count
            # As the session's user: root does not exist in there and can make no files.
            subprocess.run(["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "sh", "-c",
                            'cat >"$0/new" && mv "$0/new" "$0/$1"', home, "ask-%d" % count],
                           input=expression, text=True, check=True, timeout=20)
            count += 1
            return self.agent.result(name, word="ANSWER%d " % (count - 1))

        return name, ask

    def test_what_would_be_reachable_without_rules(self):
        """The control of the tests below: from the host itself all of it answers."""
        seen = json.loads(self.world.python(self.world.host, PROBES + '''
print(json.dumps([connect(a, 9000) for a in %r] + [connect("127.0.0.1", 9001)] + [connect(a, 8080) for a in %r]))
''' % (HOST_ADDRESSES, SERVER_ADDRESSES + [METADATA])))
        self.assertEqual(seen, ["connected control"] * 5 + ["connected server"] * 4)

    def test_outside_is_reachable(self):
        _, seen = self.probe("result([[connect(a, 8080), ask(a, 8080)] for a in %r])" % SERVER_ADDRESSES)
        self.assertEqual(seen, [["connected server", "answer server"]] * 3)

    def test_none_is_none(self):
        _, seen = self.probe("result([connect(a, 8080) for a in %r])" % SERVER_ADDRESSES, network="none")
        self.assertEqual(seen, ["ENETUNREACH"] * 3)

    def test_host_is_refused(self):
        _, seen = self.probe('''
result({"tcp": [connect(a, 9000) for a in %r], "udp": [ask(a, 9000) for a in %r],
        "loopback": [connect(a, p) for a in ("127.0.0.1", "127.0.0.53", "127.1.2.3", "::1", "0.0.0.0") for p in (9000, 9001)],
        "mapped": [connect("::ffff:" + a, 9000) for a in ("10.88.0.1", "10.99.0.1", "127.0.0.1")],
        "gateway": connect("10.88.0.2", 9000)})''' % (HOST_ADDRESSES, HOST_ADDRESSES))
        # The first address is also the session's own, copied by pasta: nobody listens there.
        self.assertEqual([x for x in seen["tcp"] if x not in REFUSED], [], seen)
        self.assertIn(seen["tcp"][1], REFUSED)
        self.assertIn(seen["tcp"][3], REFUSED)
        self.assertEqual([x for x in seen["udp"] if x not in REFUSED + ("timeout",)], [], seen)
        self.assertIn(seen["udp"][1], REFUSED)
        self.assertIn(seen["udp"][3], REFUSED)
        self.assertEqual(seen["loopback"], ["ECONNREFUSED"] * 10)
        self.assertEqual([x for x in seen["mapped"] if x not in REFUSED], [], seen)
        self.assertFalse(seen["gateway"].startswith("connected"))

    def test_link_local_is_refused(self):
        peer = self.world.link_local(self.world.server, "s0")
        own = self.world.link_local(self.world.host, "h0")
        _, seen = self.probe('''
def send(address, port, scope):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.sendto(b"x", (address, port, 0, scope))
        s.recv(64)
scope = socket.if_nametoindex("h0")
result({"metadata": [connect(%r, 8080), ask(%r, 8080)], "other": ask("169.254.127.53", 8080), "tcp53": connect("169.254.127.53", 53),
        "six": [attempt(send, a, p, scope) for a in (%r, %r) for p in (8080, 9000)],
        "multicast": [attempt(send, "ff02::1", 8080, scope), attempt(send, "ff05::1", 8080, scope), ask("224.0.0.1", 8080),
                      ask("239.1.1.1", 8080)], "broadcast": ask("255.255.255.255", 8080)})''' % (METADATA, METADATA, peer, own))
        for answers in ("metadata", "six", "multicast"):
            self.assertEqual([x for x in seen[answers] if x not in REFUSED], [], seen)
        for answer in ("other", "tcp53", "broadcast"):
            self.assertIn(seen[answer], REFUSED, answer)

    def test_names(self):
        """The host's resolver listens on its loopback only; the session's names are resolved by it all the same."""
        _, seen = self.probe('result([socket.gethostbyname("anything.test"), open("/etc/resolv.conf").read()])')
        self.assertEqual(seen[0], "10.88.0.2")
        self.assertIn("nameserver 169.254.127.53", seen[1])

    def test_no_way_around(self):
        """Neither by changing the rules nor by socket options that choose the way themselves."""
        _, seen = self.probe('''
import struct, subprocess
def run(*words):
    try:
        return subprocess.run(words, capture_output=True).returncode
    except FileNotFoundError:
        return "not installed"
def with_option(level, option, value, family=socket.AF_INET, address=("10.99.0.1", 9000), kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as s:
        try:
            s.setsockopt(level, option, value)
            s.settimeout(1)
            s.connect(address)
            if kind == socket.SOCK_DGRAM:
                s.send(b"x")
            return "connected " + s.recv(64).decode()
        except OSError as error:
            return errno.errorcode.get(error.errno, "timeout")
index = socket.if_nametoindex("h0")
def packet_info():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        try:
            s.sendmsg([b"x"], [(socket.IPPROTO_IP, 8, struct.pack("=iII", index, 0, 0))], 0, ("10.99.0.1", 9000))
            return "answer " + s.recv(64).decode()
        except OSError as error:
            return errno.errorcode.get(error.errno, "timeout")
ip = "/usr/sbin/ip" if os.path.exists("/usr/sbin/ip") else "/usr/bin/ip"
result({
    "tools": [run(ip, "rule", "add", "to", "10.99.0.1", "lookup", "main", "pref", "1"), run(ip, "link", "set", "h0", "down"),
              run(ip, "route", "add", "10.99.0.1/32", "dev", "h0"), run(ip, "addr", "add", "10.1.1.1/8", "dev", "h0"),
              run(ip, "link", "add", "x", "type", "dummy"), run("/usr/sbin/nft", "flush", "ruleset")],
    "device": with_option(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"h0"),
    "device udp": with_option(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"h0", kind=socket.SOCK_DGRAM),
    "unicast": with_option(socket.IPPROTO_IP, 50, struct.pack("!I", index), kind=socket.SOCK_DGRAM),
    "unroutable": with_option(socket.SOL_SOCKET, socket.SO_DONTROUTE, 1),
    "source route": with_option(socket.IPPROTO_IP, 4, b"\\x83\\x0b\\x04" + socket.inet_aton("10.99.0.1") + socket.inet_aton("10.99.0.1") + b"\\0"),
    "packet info": packet_info(),
    "six": with_option(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"h0", socket.AF_INET6, ("fd99::1", 9000)),
    "metadata": with_option(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"h0", address=("169.254.169.254", 8080)),
})''')
        self.assertNotIn(0, seen.pop("tools"))
        reached = [name for name, answer in seen.items() if answer.startswith(("connected", "answer"))]
        self.assertEqual(reached, [], seen)

    def test_addresses_that_come_and_go(self):
        name, ask = self.commanded()
        self.assertEqual(ask('connect("10.77.0.1", 9000, 0.3)'), "timeout")  # the server's side drops it
        self.world.ip(self.world.host, "addr add 10.77.0.1/24 dev d0")
        self.world.ip(self.world.host, "addr add fd77::1/64 dev d0 nodad")
        self.assertTrue(wait_until(lambda: ask('connect("10.77.0.1", 9000, 0.3)') in REFUSED, 3))
        self.assertTrue(wait_until(lambda: ask('connect("fd77::1", 9000, 0.3)') in REFUSED, 3))
        self.world.ip(self.world.host, "addr del 10.77.0.1/24 dev d0")
        self.world.ip(self.world.host, "addr del fd77::1/64 dev d0")
        self.assertTrue(wait_until(lambda: ask('connect("10.77.0.1", 9000, 0.3)') not in REFUSED, 3))
        # While the agent is away nobody follows; its successor makes up for it.
        self.agent.kill()
        self.world.ip(self.world.host, "addr add 10.66.0.1/24 dev d0")
        self.agent.spawn()
        self.assertEqual(self.agent.call("adopt")["sessions"], {name: "running"})
        self.assertIn(ask('connect("10.66.0.1", 9000, 0.3)'), REFUSED)
        self.assertEqual(ask('connect("10.88.0.2", 8080)'), "connected server")
        self.world.ip(self.world.host, "addr add 10.55.0.1/24 dev d0")
        self.assertTrue(wait_until(lambda: ask('connect("10.55.0.1", 9000, 0.3)') in REFUSED, 3))
        self.world.ip(self.world.host, "addr del 10.66.0.1/24 dev d0")
        self.world.ip(self.world.host, "addr del 10.55.0.1/24 dev d0")

    def test_network_runs_on_without_the_agent(self):
        name, ask = self.commanded()
        self.agent.kill()
        self.agent.spawn()
        self.agent.call("adopt")
        self.assertEqual(ask('connect("10.88.0.2", 8080)'), "connected server")
        self.agent.stop(name)
        self.assertEqual(self.agent.left(), [])

    def test_pasta_has_no_rights(self):
        name, _ = self.probe("result(1)")
        pid = next(p for p, words in self.agent.processes().items() if words.startswith("/usr/bin/pasta"))
        with open("/proc/%d/status" % pid) as file:
            status = file.read()
        self.assertNotIn("Uid:\t0", status)
        self.assertEqual(os.stat("/proc/%d" % pid).st_uid, os.stat("/proc/%d" % self.agent.display_pid(name)).st_uid)


class Delegation:
    """Groups in every hierarchy that were given to an ordinary user, as a service manager does. `controllers` are those
    whose ceilings he may set; all others stay with root."""

    def __init__(self, user, controllers=("memory", "pids", "cpu", "cpuacct", "freezer")):
        self.user = user
        self.name = "delegated-" + os.urandom(3).hex()
        self.groups = []
        for line in read("/proc/self/mountinfo").splitlines():
            fields = line.split()
            dash = fields.index("-", 6)
            if fields[dash + 1] == "cgroup2":
                self.give(fields[4], [c for c in ("memory", "pids", "cpu") if c in controllers])
            elif fields[dash + 1] == "cgroup" and set(fields[dash + 3].split(",")) & set(controllers):
                self.give(fields[4], ())

    def give(self, mount, controllers):
        above = os.path.join(mount, self.name)
        given = above + "/given"
        os.mkdir(above)
        self.groups.append(above)
        for place in (mount, above):
            for controller in controllers:
                try:
                    with open(place + "/cgroup.subtree_control", "w") as control:
                        control.write("+" + controller)
                except OSError:
                    pass  # it sits in version 1
        for place in (given, given + "/service"):
            os.mkdir(place)
            for path in (place, place + "/cgroup.procs", place + "/cgroup.subtree_control"):
                if os.path.exists(path):
                    os.chown(path, self.user, self.user)

    def prefix(self):
        """Before a command, as root: enters a group below the given one, as a service of a user's manager is."""
        enter = 'for g in %s; do echo $$ >$g/given/service/cgroup.procs; done; exec "$@"' % " ".join(self.groups)
        return ["sh", "-c", enter, "sh"]

    def remove(self):
        for group in self.groups:
            for where, _, _ in os.walk(group, topdown=False):
                wait_until(lambda: not os.path.exists(where) or not rmdir_fails(where), 5)


def rmdir_fails(path):
    try:
        os.rmdir(path)
        return False
    except OSError:
        return True


@needs_root
class Delegated(Groups):
    """An ordinary user who was given control groups has ceilings, freezing and clean ends as root has."""

    user = ORDINARY_UID
    controllers = ("memory", "pids", "cpu", "cpuacct", "freezer")

    @classmethod
    def setUpClass(cls):
        cls.delegation = Delegation(cls.user, cls.controllers)
        cls.addClassCleanup(cls.delegation.remove)
        cls.agent = Agent(user=cls.user, outer=cls.delegation.prefix(), label="delegated")

    def setUp(self):
        SandboxTest.setUp(self)  # nothing of it may be skipped

    test_fork_bomb = Ceilings.test_fork_bomb
    test_killed_at_any_moment_of_a_start = Adoption.test_killed_at_any_moment_of_a_start


@needs_root
class MemoryOnly(SandboxTest):
    """A user who was given the memory controller and nothing else: that is kept, and all the rest is said."""

    user = ORDINARY_UID
    controllers = ("memory",)
    setUpClass = classmethod(Delegated.setUpClass.__func__)

    def test_what_is_said(self):
        said = "\n".join(self.agent.warnings("control group"))
        self.assertNotIn("no memory ceiling", said)
        self.assertIn("no processor ceiling", said)
        self.assertIn("limited only by the kernel's per-user limit", said)

    test_memory_hog = Groups.test_memory_hog
    test_fork_bomb = Ceilings.test_fork_bomb


@unittest.skipIf(ROOT and os.environ.get("SANDBOX_EXPECT_NONE"), "for ordinary users")
class Missing(SandboxTest):
    """An ordinary user who was given nothing: every promise that cannot be held is said at start, and refused by name."""

    user = ORDINARY_UID if ROOT else None

    def setUp(self):
        super().setUp()
        if self.agent.groups() and not ROOT:
            self.assertNotIn("SANDBOX_EXPECT_NONE", os.environ)
            self.skipTest("control groups were given to this user")

    def test_what_is_said(self):
        said = self.agent.warnings()
        for words in ("not started as root: all sessions have this user's own id", "sessions have no memory ceiling",
                      "limited only by the kernel's per-user limit", "sessions have no processor ceiling",
                      "sessions cannot be frozen"):
            self.assertEqual(len([line for line in said if words in line]), 1, (words, said))
        hints = [line for line in said if "systemd-run --user --scope" in line]
        self.assertEqual(len(hints), int(os.path.exists("/run/systemd/system")), said)

    def test_what_is_refused(self):
        name = self.name()
        self.agent.start(name, SLEEP)
        self.assertIn("no control group", self.fails("unavailable", self.agent.call, "freeze", session=name))
        self.assertIn("usage is not known", self.fails("unavailable", self.agent.call, "usage", session=name))

    def test_processes_are_limited_all_the_same(self):
        Ceilings.test_fork_bomb(self)

    def test_same_host_user(self):
        name = self.name()
        self.agent.start(name, SLEEP, user="bob")
        self.assertEqual(os.stat("/proc/%d" % self.agent.display_pid(name)).st_uid, self.user or os.geteuid())


class Impossible(unittest.TestCase):
    """Where the kernel grants an ordinary user no namespaces, there are no sessions, and the start says which switch it is."""

    def test_no_user_namespaces(self):
        become = ["setpriv", "--reuid", str(ORDINARY_UID), "--regid", str(ORDINARY_UID), "--clear-groups"] if ROOT else []
        # A user namespace in which no further ones are allowed, and a driver that has no rights in it.
        outer = become + ["unshare", "--user", "--map-current-user", "--keep-caps", "sh", "-c",
                          'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps -all '
                          '--inh-caps -all --bounding-set -all "$@"', "sh"]
        with self.assertRaises(RuntimeError) as failure:
            Agent(user=ORDINARY_UID if ROOT else None, outer=outer, label="none", become=False).close()
        self.assertIn("user.max_user_namespaces", str(failure.exception))


@needs_root
class OrdinaryNetwork(Network):
    """The way out and its rules are an ordinary user's as well: pasta and the packet filter belong to his namespaces."""

    user = ORDINARY_UID


@needs_root
class NoTunnel(SandboxTest):
    """A user who may not open /dev/net/tun has no way out: said when asked, and refused, never a session without a filter."""

    user = ORDINARY_UID

    @classmethod
    def setUpClass(cls):
        cls.agent = Agent(user=cls.user, label="notun", outer=[
            "unshare", "--mount", "sh", "-c", 'mount --bind "$0" /dev/net && exec "$@"', cls.empty_directory()])

    @classmethod
    def empty_directory(cls):
        directory = tempfile.mkdtemp(prefix="streamspace-empty-")
        cls.addClassCleanup(os.rmdir, directory)
        return directory

    def test_said_and_refused(self):
        answer = self.agent.call("can_run", command=["sh"], network="outbound")
        self.assertFalse(answer["can"])
        self.assertIn("/dev/net/tun", answer["reason"])
        self.assertEqual(len(self.agent.warnings("/dev/net/tun")), 1)
        self.assertTrue(self.agent.call("can_run", command=["sh"], network="none")["can"])
        error = self.fails("unavailable", self.agent.start, "x", SLEEP, network="outbound")
        self.assertIn("/dev/net/tun", error)


@needs_root
class OrdinaryIsolation(Isolation):
    user = ORDINARY_UID


@needs_root
class OrdinaryCeilings(Ceilings):
    user = ORDINARY_UID


@needs_root
class OrdinaryLife(Life):
    user = ORDINARY_UID


@needs_root
class OrdinaryHostile(Hostile):
    user = ORDINARY_UID


@needs_root
class OrdinaryLogs(Logs):
    user = ORDINARY_UID


@needs_root
class OrdinaryHomes(Homes):
    user = ORDINARY_UID


@needs_root
class OrdinaryAdoption(Adoption):
    user = ORDINARY_UID


if __name__ == "__main__":
    if not shutil.which("bwrap"):
        print("skipped: bubblewrap is not installed")
        sys.exit(77)
    unittest.main(verbosity=2)
