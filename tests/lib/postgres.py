#!/usr/bin/env python3
"""A real PostgreSQL of the tests' own: a cluster in a temporary directory, on a Unix socket and a free port of the
loopback, run by an ordinary user, ended and removed with the process that started it.

    tests/lib/postgres.py COMMAND …    runs the command beside one, with its URL in $STREAMSPACE_TEST_POSTGRES
"""
import atexit
import contextlib
import ctypes
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

USER = "streamspace"
# Nothing here has to survive a power cut. Sorting by language rules, as most real clusters do, finds code that
# relies on the order of bytes.
SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB",
            "max_connections": "200", "logging_collector": "off", "autovacuum_naptime": "5s", "timezone": "UTC"}


PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _end_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def binaries():
    """The directory of the newest server's programs."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: float(path.split("/")[4]))
    if found:
        return os.path.dirname(found[-1])
    on_path = shutil.which("initdb")
    if not on_path:
        raise FileNotFoundError("no PostgreSQL server is installed (tools/deps.sh test)")
    return os.path.dirname(os.path.realpath(on_path))


def account():
    """Popen's arguments for the user who runs it: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("neither postgres nor nobody is a user here")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """start() and stop() may be repeated; the data stays until close()."""

    def __init__(self, settings=None):
        self.bin, self.account = binaries(), account()
        self.directory = tempfile.mkdtemp(prefix="ss-pg-", dir="/tmp")  # short: a socket's path has 107 bytes
        self.data = os.path.join(self.directory, "data")
        self.port = free_port()
        self.settings = dict(SETTINGS, **(settings or {}))
        self.process = None
        self.databases = 0
        if self.account:
            os.chown(self.directory, self.account["user"], self.account["group"])
        self._initialise()
        self.start()

    def _initialise(self):
        command = [f"{self.bin}/initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync",
                   "--no-instructions", "--locale=C.UTF-8"]
        version = subprocess.run([f"{self.bin}/postgres", "--version"], capture_output=True, text=True, check=True)
        if float(version.stdout.split()[2]) >= 15:
            command += ["--locale-provider=icu", "--icu-locale=en"]
        result = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, env=self._environ(),
                                timeout=120, **self.account)
        if result.returncode:
            raise RuntimeError(f"initdb failed:\n{result.stdout}{result.stderr}")

    def _environ(self):
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": self.directory, "LC_ALL": "C.UTF-8"}

    def start(self, seconds=30):
        command = [f"{self.bin}/postgres", "-D", self.data, "-k", self.directory, "-h", "127.0.0.1",
                   "-p", str(self.port)]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        self.log = open(os.path.join(self.directory, "log"), "ab")
        # The signal comes when the thread that started it ends.
        lasting = threading.current_thread() is threading.main_thread()
        self.process = subprocess.Popen(command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, env=self._environ(), start_new_session=True,
                                        preexec_fn=_end_with_parent if lasting else None, **self.account)
        deadline = time.monotonic() + seconds
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.output()}")
            time.sleep(0.02)
        return self

    def ready(self):
        return subprocess.run([f"{self.bin}/pg_isready", "-q", "-h", self.directory, "-p", str(self.port)],
                              env=self._environ()).returncode == 0

    def output(self):
        with open(os.path.join(self.directory, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-4000:]

    def stop(self, how=signal.SIGINT, seconds=30):
        """SIGINT: at once, clients are disconnected. SIGQUIT: as if it had crashed."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        self.log.close()

    def _signal_all(self, number):
        """The server first: it starts no more children then. Each is a session of its own."""
        self.process.send_signal(number)
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/children"):
            for pid in open(path, encoding="ascii").read().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), number)

    def pause(self):
        """Everything of it stands still; connections stay open."""
        self._signal_all(signal.SIGSTOP)

    def resume(self):
        self._signal_all(signal.SIGCONT)

    def url(self, database="postgres", host=None, **parameters):
        """By its socket, or by host name over TCP."""
        if host is None:
            parameters["host"] = self.directory
        query = urllib.parse.urlencode({"port": self.port, **parameters})
        return f"postgres://{USER}@{host or ''}/{database}?{query}"

    def run(self, program, *arguments, text=None):
        """psql or pg_dump, with `text` to read; what it wrote."""
        result = subprocess.run([f"{self.bin}/{program}", *arguments], input=text, capture_output=True, text=True,
                                timeout=120, env=self._environ())
        if result.returncode:
            raise RuntimeError(f"{program}: {result.stderr}")
        return result.stdout

    def sql(self, text, database="postgres"):
        """Rows as lists of texts."""
        output = self.run("psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-1", "-f", "-",
                          "-d", self.url(database), text=text)
        return [line.split("\t") for line in output.splitlines()]

    def create(self, name=None):
        """A new database; its name. One of this name that is there already stays."""
        self.databases += 1
        name = name or f"test_{os.getpid()}_{self.databases}"
        if [name] in self.sql("SELECT datname FROM pg_database"):
            return name
        self.run("createdb", "-h", self.directory, "-p", str(self.port), "-U", USER, name)
        return name

    def drop(self, name):
        self.run("dropdb", "-h", self.directory, "-p", str(self.port), "-U", USER, "--if-exists", "--force", name)

    def close(self):
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.resume()
            self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


_shared = None


def shared():
    """One for the whole process, started when first asked for."""
    global _shared
    if _shared is None:
        _shared = Postgres()
        atexit.register(_shared.close)
    return _shared


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    server = Postgres()
    child = None

    def end(number, frame):
        if child:
            child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        child = subprocess.Popen(sys.argv[1:], env=dict(os.environ, STREAMSPACE_TEST_POSTGRES=server.url()))
        status = child.wait()
    finally:
        server.close()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
