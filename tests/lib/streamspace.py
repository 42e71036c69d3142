"""Starts the real program for tests: server, agents or both, each on a free port and in a directory of its own.

Everything has a deadline, everything started is ended by pid, and what a process printed is shown when a test fails.
"""
import atexit
import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("STREAMSPACE_PROGRAM", os.path.join(ROOT, "build", "streamspace"))
PASSWORD = "correct horse battery"
BOOTSTRAP_KEY = "b" * 64
# What servers keep their data in: "sqlite", or "postgres", which is started when the first of them needs it.
ENGINE = os.environ.get("STREAMSPACE_TEST_ENGINE", "sqlite")
_running = set()


def wait_for(what, condition, seconds=20, pause=0.02):
    """Calls condition() until it gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:500]!r}>"


class Client:
    """An API client: one kept connection, JSON in and out, a bearer token when signed in. `ca_file`: for https."""

    def __init__(self, url, token=None, timeout=20, ca_file=None):
        self.connection = None
        self.url, self.token, self.timeout = url, token, timeout
        self.tls = ssl.create_default_context(cafile=ca_file) if url.startswith("https:") else None
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port

    def request(self, method, path, body=None, headers=None, raw=None):
        """`path` from the root; `body` is sent as JSON, `raw` bytes as they are. Returns an Answer."""
        send = dict(headers or {})
        if self.token and "Authorization" not in send:
            send["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            raw = json.dumps(body).encode()
            send.setdefault("Content-Type", "application/json")
        for attempt in (0, 1):
            fresh = self.connection is None
            if fresh and self.tls:
                self.connection = http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=self.tls)
            elif fresh:
                self.connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
            try:
                self.connection.request(method, path, body=raw, headers=send)
                response = self.connection.getresponse()
                answer = Answer(response.status, response.headers, response.read())
                if response.will_close:
                    self.close()
                return answer
            except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
                self.close()
                if fresh or attempt:  # a kept connection may have been closed in between: once more
                    raise
            except (OSError, http.client.HTTPException):  # no answer, or half of one: not to be used again
                self.close()
                raise
        raise AssertionError("unreachable")

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def __del__(self):
        self.close()

    def api(self, method, path, body=None, **extra):
        return self.request(method, "/api/v1" + path, body, **extra)

    def expect(self, status, method, path, body=None, **extra):
        """An API call whose status is known; returns its JSON."""
        answer = self.api(method, path, body, **extra)
        if answer.status != status:
            raise AssertionError(f"{method} {path}: expected {status}, got {answer!r}")
        return answer.json if answer.body else None

    def login(self, username="admin", password=PASSWORD):
        self.token = self.expect(200, "POST", "/auth/login", {"username": username, "password": password})["token"]
        return self

    def create(self, template="terminal", **fields):
        return self.expect(200, "POST", "/sessions", {"template": template, **fields})["name"]

    def session(self, name):
        return self.expect(200, "GET", f"/sessions/{name}")

    def wait_state(self, name, state, seconds=30):
        """Waits for a state; fails at once when the session has failed instead."""
        def look():
            session = self.session(name)
            if session["state"] == "failed" and state != "failed":
                raise AssertionError(f"{name} failed: {session.get('reason')}")
            return session if session["state"] == state else None
        return wait_for(f"{name} is {state}", look, seconds)

    def ticket(self, name, mode="control"):
        return self.expect(201, "POST", f"/sessions/{name}/tickets", {"mode": mode})

    def stream(self, name, timeout=10):
        """A WebSocket with the session's RFB bytes."""
        from websocket import WebSocket
        return WebSocket(self.host, self.port, self.ticket(name)["url"], timeout=timeout, tls=self.tls)


class Process:
    """A child whose output is kept. stop() ends it kindly, kill() at once; both wait."""

    def __init__(self, arguments, env=None, cwd=None):
        environ = {key: value for key, value in os.environ.items() if not key.startswith("STREAMSPACE_")}
        environ.update(env or {})
        self.arguments = arguments
        self.child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, env=environ, cwd=cwd, text=True, errors="replace")
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        _running.add(self)

    def _read(self):
        for line in self.child.stdout:
            self.lines.append(line)

    @property
    def pid(self):
        return self.child.pid

    @property
    def output(self):
        return "".join(self.lines)

    def alive(self):
        return self.child.poll() is None

    def wait_output(self, pattern, seconds=20):
        """Waits for a line that matches; returns the match."""
        def look():
            found = re.search(pattern, self.output, re.M)
            if not found and not self.alive():
                self.reader.join(2)
                found = re.search(pattern, self.output, re.M)
                if not found:
                    raise AssertionError(f"{self.arguments[1]} ended with {self.child.returncode}:\n{self.output}")
            return found
        return wait_for(f"output matches {pattern!r}", look, seconds)

    def stop(self, seconds=30):
        if self.alive():
            self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.arguments[1]} did not end within {seconds} s:\n{self.output[-4000:]}") from None
        self._ended()
        return self.child.returncode

    def _ended(self):
        self.reader.join(2)
        if not self.reader.is_alive():
            self.child.stdout.close()
        _running.discard(self)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.child.kill()
        self.child.wait(10)
        self._ended()


@atexit.register
def _end_all():
    for process in list(_running):
        with contextlib.suppress(Exception):
            process.stop(20)


class Place:
    """A temporary directory, removed by close()."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="ss-test-")

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)


class SqliteData:
    """A server's data in a file, for tests that look at it or change it themselves."""

    def __init__(self, data_dir):
        self.data_dir = data_dir
        self.path = os.path.join(data_dir, "streamspace.db")
        self.env = {}

    def sql(self, statement, parameters=()):
        with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as database, database:
            return database.execute(statement, parameters).fetchall()

    def sql_many(self, statement, rows):
        with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as database, database:
            database.executemany(statement, rows)

    def dump(self):
        """All that is stored, as bytes."""
        return b"".join(open(os.path.join(self.data_dir, name), "rb").read()
                        for name in os.listdir(self.data_dir) if name.startswith("streamspace.db"))

    def drop(self):
        pass


class PostgresData:
    """The same in a database of the tests' PostgreSQL; one for each data directory."""

    def __init__(self, data_dir):
        import postgres
        self.server = postgres.shared()
        self.name = self.server.create("d" + hashlib.sha256(data_dir.encode()).hexdigest()[:16])
        self.env = {"STREAMSPACE_DATABASE": self.server.url(self.name)}

    @staticmethod
    def _filled(statement, parameters):
        def literal(value):
            return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"
        parts = statement.split("?")
        assert len(parts) == len(parameters) + 1, statement
        return "".join(part + literal(value) for part, value in zip(parts, parameters)) + parts[-1]

    def sql(self, statement, parameters=()):
        statement = self._filled(statement, parameters)
        if not statement.startswith("SELECT"):
            return self.server.sql(statement, self.name)
        rows = self.server.sql(f"SELECT COALESCE(json_agg(row_to_json(q)), '[]') FROM ({statement}) q", self.name)
        return [tuple(row.values()) for row in json.loads("".join(line[0] for line in rows))]

    def sql_many(self, statement, rows):
        self.server.sql(";\n".join(self._filled(statement, row) for row in rows), self.name)

    def dump(self):
        return self.server.run("pg_dump", "-d", self.server.url(self.name)).encode()

    def drop(self):
        self.server.drop(self.name)


class Server(Process):
    """`streamspace server`. `port` 0 takes a free one; restart() keeps port and data. What it stores can be read and
    changed by sql() and sql_many(), with "?" for parameters, on both engines. `ca_file`: it speaks https."""

    def __init__(self, data_dir=None, arguments=(), env=None, port=0, ca_file=None):
        self.ca_file = ca_file
        self.place = None if data_dir else Place()
        self.data_dir = data_dir or self.place.path
        self.data = (PostgresData if ENGINE == "postgres" else SqliteData)(self.data_dir)
        self.sql, self.sql_many = self.data.sql, self.data.sql_many
        self.extra, self.env = list(arguments), dict(self.data.env, **(env or {}))
        self.port = port
        self._start()

    def _start(self):
        read_end, write_end = os.pipe()
        os.set_inheritable(write_end, True)
        environ = {"ADMIN_PASSWORD": PASSWORD, "AGENT_BOOTSTRAP_KEY": BOOTSTRAP_KEY,
                   "STREAMSPACE_READY_FD": str(write_end), **self.env}
        self._spawn([PROGRAM, "server", f"--listen=127.0.0.1:{self.port}", f"--data-dir={self.data_dir}",
                     *self.extra], environ, write_end)
        os.close(write_end)
        text = b""
        with os.fdopen(read_end, "rb") as ready:
            while b"ready\n" not in text:
                data = ready.read1(4096)
                if not data:
                    self.child.wait(10)
                    self.reader.join(2)
                    raise AssertionError(f"the server ended with {self.child.returncode}:\n{self.output}")
                text += data
        self.url = re.search(r"^listen (\S+)", text.decode(), re.M).group(1)
        self.port = urllib.parse.urlsplit(self.url).port
        self.ready_text = text.decode()

    def _spawn(self, arguments, env, keep_fd):
        environ = {key: value for key, value in os.environ.items() if not key.startswith("STREAMSPACE_")}
        environ.update(env)
        self.arguments = arguments
        self.child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, env=environ, text=True, errors="replace",
                                      pass_fds=(keep_fd,))
        self.lines = getattr(self, "lines", [])
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        _running.add(self)

    def client(self, username="admin", password=PASSWORD):
        return Client(self.url, ca_file=self.ca_file).login(username, password)

    def anonymous(self):
        return Client(self.url, ca_file=self.ca_file)

    def restart(self, kill=False):
        """Ends it (SIGKILL when `kill`) and starts it again on the same port and data."""
        if kill:
            self.kill()
        else:
            self.stop()
        self._start()

    def close(self):
        if self.alive():
            self.stop()
        if self.place:
            self.place.close()
            self.data.drop()


class Agent(Process):
    """`streamspace agent`. runtime "local" or "null"."""

    def __init__(self, server, agent_id, runtime="null", data_dir=None, arguments=(), env=None):
        self.place = None if data_dir else Place()
        self.data_dir = data_dir or self.place.path
        self.server, self.agent_id, self.runtime = server, agent_id, runtime
        self.extra, self.extra_env = list(arguments), dict(env or {})
        self._launch()

    def _launch(self):
        super().__init__([PROGRAM, "agent", f"--control-plane-url={self.server.url}", f"--agent-id={self.agent_id}",
                          f"--runtime={self.runtime}", f"--data-dir={self.data_dir}", *self.extra],
                         {"STREAMSPACE_API_KEY": BOOTSTRAP_KEY, **self.extra_env})

    def restart(self, kill=False):
        if kill:
            self.kill()
        else:
            self.stop()
        self._launch()

    def wait_online(self, client, seconds=20):
        wait_for(f"agent {self.agent_id} is online", lambda: any(
            agent["agentId"] == self.agent_id and agent["status"] == "online"
            for agent in client.expect(200, "GET", "/agents")["agents"]), seconds)
        return self

    def close(self):
        if self.alive():
            self.stop()
        if self.place:
            self.place.close()


class Up(Process):
    """`streamspace up`: everything, ready to use."""

    def __init__(self, arguments=(), env=None, data_dir=None, ca_file=None):
        self.ca_file = ca_file
        self.place = None if data_dir else Place()
        self.data_dir = data_dir or self.place.path
        super().__init__([PROGRAM, "up", "--listen=127.0.0.1:0", f"--data-dir={self.data_dir}", *arguments],
                         {"ADMIN_PASSWORD": PASSWORD, **(env or {})})
        self.url = self.wait_output(r"Open\s+(https?:\S+)").group(1)
        probe = Client(self.url, ca_file=ca_file)
        wait_for("/readyz is 200", lambda: probe.request("GET", "/readyz").status == 200)
        self.agent_id = open(os.path.join(self.data_dir, "agent-id"), encoding="utf-8").read().strip()

    def client(self, username="admin", password=PASSWORD):
        return Client(self.url, ca_file=self.ca_file).login(username, password)

    def children(self):
        """{role: pid} of the supervised processes."""
        found = {}
        for pid in processes():
            with contextlib.suppress(OSError, IndexError):
                stat = open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace").read()
                if int(stat[stat.rindex(")") + 2:].split()[1]) == self.pid:
                    words = open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace").read().split("\0")
                    found[words[1]] = pid
        return found

    def close(self):
        if self.alive():
            self.stop()
        if self.place:
            self.place.close()


def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def session_processes(word):
    """Pids whose cgroup bears the word (an agent id or a session's name). What has ended and only waits for the system to
    reap it does not count."""
    found = []
    for pid in processes():
        with contextlib.suppress(OSError):
            stat = open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace").read()
            ended = stat[stat.rindex(")") + 2] in "ZX"
            if not ended and word in open(f"/proc/{pid}/cgroup", encoding="utf-8").read():
                found.append(pid)
    return found


def leftovers(word, directory=None):
    """Processes, cgroups, mounts and network namespaces that bear the word, as texts; empty when nothing is left."""
    left = []
    for pid in session_processes(word):
        with contextlib.suppress(OSError):
            left.append(f"process {pid} {open(f'/proc/{pid}/cmdline').read()!r}")
    for base, directories, _ in os.walk("/sys/fs/cgroup"):
        left += [f"cgroup {base}/{name}" for name in directories if word in name]
    for line in open("/proc/self/mountinfo", encoding="utf-8"):
        if word in line or (directory and directory in line):
            left.append("mount " + line.strip())
    with contextlib.suppress(FileNotFoundError):
        left += [f"network namespace {name}" for name in os.listdir("/run/netns") if word in name]
    return left


def read_in_session(name, path):
    """A file as the session sees it (its home is a filesystem of its own), or None."""
    for pid in session_processes(name):
        with contextlib.suppress(OSError):
            return open(f"/proc/{pid}/root{path}", "rb").read()
    return None


def stop_all(client, seconds=60):
    """Ends all live sessions and waits for it."""
    names = [session["name"] for session in client.expect(200, "GET", "/sessions?limit=200")["sessions"]]
    for name in names:
        client.api("DELETE", f"/sessions/{name}")
    for name in names:
        wait_for(f"{name} has ended", lambda: client.session(name)["state"] in ("terminated", "failed"), seconds)
