"""Starts the sandbox driver as an agent would be, calls the runtime through it, and looks whether anything is left."""

import json
import os
import queue
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time

DRIVER = os.environ.get("SANDBOX_DRIVER", "")
STAND_IN = os.environ.get("SANDBOX_STAND_IN", "")
PATIENCE = float(os.environ.get("SANDBOX_PATIENCE", "1"))  # how much slower than usual this machine is
CALL_LIMIT = 30.0 * PATIENCE


class CallFailed(Exception):
    def __init__(self, answer):
        super().__init__(answer.get("error"))
        self.kind = answer.get("kind")
        self.error = answer.get("error", "")
        self.ms = answer.get("ms")


def wait_until(condition, limit=10.0, step=0.02):
    """Looks until condition() is true, and returns what it gave; None at the limit."""
    end = time.monotonic() + limit * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            return None
        threading.Event().wait(step)


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


class Agent:
    """One agent: a state directory that outlives its processes, and at most one process."""

    def __init__(self, user=None, outer=(), program=STAND_IN, label="t", become=True):
        """`outer` is put before all, while still root; unless `become`, it also changes to the user."""
        self.id = "%s-%s" % (label, secrets.token_hex(4))
        self.user = user
        self.become = become
        self.outer = list(outer)
        self.program = program
        self.root = tempfile.mkdtemp(prefix="streamspace-sandbox-")
        os.chmod(self.root, 0o711)
        self.state = os.path.join(self.root, "state")
        self.ids = os.path.join(self.root, "ids")
        os.mkdir(self.state, 0o700)
        if user is not None:
            os.chown(self.state, user, user)
        self.process = None
        self.driver = DRIVER
        if user is not None:  # who may not be let into the build directory
            self.driver, self.program = (self.copy(path) for path in (DRIVER, program))
        self.spawn()

    def copy(self, path):
        target = os.path.join(self.root, os.path.basename(path))
        shutil.copy(path, target)
        os.chmod(target, 0o755)
        return target

    def spawn(self):
        command = [self.driver, self.state, self.id, self.program, self.ids]
        if self.user is not None and self.become:
            command = ["setpriv", "--reuid", str(self.user), "--regid", str(self.user), "--clear-groups"] + command
        command = self.outer + command
        self.log = open(os.path.join(self.root, "agent.log"), "a")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.last = 0
        self.answers = {}
        self.events = []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read, args=(self.process,), daemon=True)
        self.reader.start()
        first = self.event(lambda e: e["event"] in ("ready", "failed"))
        if not first or first["event"] != "ready":
            raise RuntimeError("the driver does not start: %s" % (first or self.log_text()))

    def log_text(self):
        return read(os.path.join(self.root, "agent.log"))

    def warnings(self, words=""):
        """What was said at start (of every process of this agent) about things that this machine does not grant."""
        return [line for line in self.log_text().splitlines() if "warn" in line.lower() and words in line]

    def read(self, process):
        for line in process.stdout:
            message = json.loads(line)
            with self.changed:
                if "event" in message:
                    self.events.append(message)
                else:
                    self.answers[message["id"]] = message
                self.changed.notify_all()

    def event(self, matches, limit=10.0):
        with self.changed:
            self.changed.wait_for(lambda: any(matches(e) for e in self.events), limit * PATIENCE)
            return next((e for e in self.events if matches(e)), None)

    def begin(self, op, **arguments):
        self.last += 1
        call = {"id": self.last, "op": op, **arguments}
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        return call["id"]

    def finish(self, number):
        with self.changed:
            if not self.changed.wait_for(lambda: number in self.answers, CALL_LIMIT):
                raise RuntimeError("a call is not answered; the agent's log:\n" + self.log_text())
            answer = self.answers[number]
        if not answer["ok"]:
            raise CallFailed(answer)
        return answer

    def call(self, op, **arguments):
        return self.finish(self.begin(op, **arguments))

    @staticmethod
    def start_arguments(session, command, **more):
        return {"session": session, "command": command, "token": secrets.token_hex(32), "ms": int(10000 * PATIENCE), **more}

    def start(self, session, command, **more):
        return self.call("start", **self.start_arguments(session, command, **more))

    def stop(self, session, **more):
        return self.call("stop", session=session, **{"ms": int(10000 * PATIENCE), **more})

    def python(self, session, script, **more):
        """Starts a session that runs a Python script."""
        return self.start(session, ["/usr/bin/python3", "-c", script], **more)

    def log_of(self, session, limit=1 << 20):
        return self.call("logs", session=session, max=limit)["text"]

    def result(self, session, limit=20.0, word="RESULT "):
        """What the session's script printed behind RESULT, as JSON."""

        def look():
            for line in self.log_of(session).splitlines():
                if line.startswith(word):
                    return [json.loads(line[len(word):])]
            return None

        found = wait_until(look, limit)
        if not found:
            raise AssertionError("no result; the session's log:\n" + self.log_of(session)[-4000:])
        return found[0]

    def kill(self):
        """kill -9, as the agent may die at any moment."""
        self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.tidy()

    def tidy(self):
        for stream in (self.process.stdin, self.process.stdout, self.log):
            try:
                stream.close()
            except OSError:
                pass

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGABRT)
                raise
        self.reader.join(5)
        self.tidy()

    def remove(self):
        subprocess.run(["rm", "-rf", self.root], check=False, timeout=60)

    # What is on the host.

    def groups(self):
        """Control groups that bear the agent's id."""
        found = []
        for where, directories, _ in os.walk("/sys/fs/cgroup"):
            for name in directories:
                if self.id in where + "/" + name:
                    found.append(os.path.join(where, name))
        return found

    def processes(self):
        """Processes in the agent's control groups, or that were started with one of its files."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if self.process and int(pid) == self.process.pid:
                continue  # the agent itself
            try:
                text, words, status = (read("/proc/%s/%s" % (pid, name)) for name in ("cgroup", "cmdline", "stat"))
            except OSError:
                continue
            if ("streamspace-" + self.id in text or self.root in words) and status.rpartition(")")[2].split()[0] != "Z":
                found[int(pid)] = words.replace("\0", " ")
        return found

    def display_pid(self, session):
        with open(os.path.join(self.state, "sessions", session + ".json")) as record:
            return json.load(record)["display"]["pid"]

    def record(self, session):
        with open(os.path.join(self.state, "sessions", session + ".json")) as record:
            return json.load(record)

    def left(self):
        """Everything that is left, as texts; the agent's own empty parents excepted."""
        things = ["process %d: %s" % item for item in self.processes().items()]
        things += ["group " + path for path in self.groups() if os.path.basename(path) != "streamspace-" + self.id]
        things += ["file sessions/" + name for name in os.listdir(os.path.join(self.state, "sessions"))]
        with open("/proc/self/mountinfo") as mounts:
            things += ["mount " + line for line in mounts if self.root in line]
        return things
