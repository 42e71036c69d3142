"""The API on SQLite and on PostgreSQL, beside nginx in the same run; wrk makes the load on the same cores.

Every figure stands beside its target. "Per core" is requests by the seconds of CPU that the server used (of PostgreSQL's
own processes: the last column)."""
import contextlib
import glob
import os
import re
import subprocess
import tempfile

import streamspace
from http_bench import CONNECTIONS, SECONDS, Nginx
from streamspace import Agent, Server, wait_for
from table import cpu_seconds, table

SESSIONS = int(os.environ.get("BENCH_SESSIONS", "1000"))
AGENTS = 8
PLENTY = ["--max-sessions=4000", "--cpu-overcommit=1000", "--memory-overcommit=1000", "--log-level=warn"]  # 4000: what an agent can report
SMALL = '{"template":"terminal","resources":{"memory":"64Mi","cpu":"50m"}}'

# What is asked for: {engine: (per core, requests/s)}; p99 everywhere.
TARGETS = {
    "GET /sessions/{name}": {"SQLite": ("≥ 20000", ""), "PostgreSQL": ("≥ 12000", "")},
    "POST /sessions": {"SQLite": ("", "≥ 1000"), "PostgreSQL": ("", "")},
}
P99_TARGET, DATABASE_TARGET, MEMORY_TARGET = "< 10 ms", "< 5 ms", "< 40 MB"
HEADINGS = ["engine", "request", "requests/s", "target", "per core", "target", "of nginx", "p99", "database time", "its p99",
            "bytes", "PostgreSQL CPU"]


def milliseconds(text):
    """wrk's "1.23ms" as a number."""
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


class Load:
    """One run of wrk. `count`, `rate`, `p99` (ms), `size` (bytes of an answer with its head)."""

    def __init__(self, url, token=None, body=None, connections=CONNECTIONS, seconds=SECONDS):
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(self._script(token, body))
            script.flush()
            output = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script.name, url],
                                    check=True, text=True, capture_output=True, timeout=seconds + 60).stdout
        bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
        errors = re.search(r"Socket errors: .*", output)
        if bad or errors:
            raise SystemExit(f"{url}: not every answer was a success: {(bad or errors).group(0)}")
        self.count = int(re.search(r"(\d+) requests in", output).group(1))
        self.rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))
        self.p99 = milliseconds(re.search(r"99%\s+(\S+)", output).group(1))
        read, unit = re.search(r"requests in [\d.]+\w+, ([\d.]+)(\w+) read", output).groups()
        self.size = float(read) * {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}[unit] / max(1, self.count)

    @staticmethod
    def _script(token, body):
        lines = []
        if token:
            lines.append(f'wrk.headers["Authorization"] = "Bearer {token}"')
        if body:
            lines += ['wrk.method = "POST"', 'wrk.headers["Content-Type"] = "application/json"', f"wrk.body = [[{body}]]"]
        return "\n".join(lines)


class DatabaseTime:
    """What the server's histogram of statements has grown by."""

    def __init__(self, client):
        self.client = client
        self.before = self._read()

    def _read(self):
        text = self.client.request("GET", "/metrics").body.decode()
        found = re.findall(r'^streamspace_db_statement_seconds_(bucket\{le="[^"]+"\}|sum|count) (\S+)$', text, re.M)
        return {name: float(value) for name, value in found}

    def grown(self):
        """(seconds, statements, seconds below which 99 of 100 stayed: a bucket's upper bound)."""
        now = self._read()
        more = {name: now[name] - self.before.get(name, 0) for name in now}
        count = more["count"]
        bounds = [(float(re.search(r'"(.*)"', name).group(1)), value) for name, value in more.items() if name.startswith("bucket")]
        within = [bound for bound, value in sorted(bounds) if value >= 0.99 * count]
        return more["sum"], count, within[0] if count else None


def resident_mb(pid):
    for line in open(f"/proc/{pid}/status", encoding="ascii"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("the server has ended")


def postgres_pids(engine):
    """The PostgreSQL of the tests with all its children."""
    if engine != "PostgreSQL":
        return []
    import postgres
    pids = [postgres.shared().process.pid]
    for path in glob.glob(f"/proc/{pids[0]}/task/*/children"):
        pids += [int(pid) for pid in open(path, encoding="ascii").read().split()]
    return pids


def nginx_row():
    nginx = Nginx()
    try:
        before = cpu_seconds(*nginx.pids())
        load = Load(nginx.url)
        per_core = load.count / max(0.01, cpu_seconds(*nginx.pids()) - before)
        return per_core, ["–", "nginx, constant answer", f"{load.rate:.0f}", "", f"{per_core:.0f}", "", "1.00", f"{load.p99:.1f} ms", "–", "–",
                          f"{load.size:.0f}", "–"]
    finally:
        nginx.close()


def row(engine, server, client, peer, what, path, body=None):
    before, database_before = cpu_seconds(server.pid), cpu_seconds(*postgres_pids(engine))
    database = DatabaseTime(client)
    load = Load(server.url + path, client.token, body)
    spent, statements, p99 = database.grown()
    per_core = load.count / max(0.01, cpu_seconds(server.pid) - before)
    database_cpu = cpu_seconds(*postgres_pids(engine)) - database_before
    per_core_target, rate_target = TARGETS.get(what, {}).get(engine, ("", ""))
    return [engine, what, f"{load.rate:.0f}", rate_target, f"{per_core:.0f}", per_core_target, f"{per_core / peer:.2f}",
            f"{load.p99:.1f} ms", f"{spent / load.count * 1e6:.0f} µs in {statements / load.count:.1f}",
            f"≤ {p99 * 1000:g} ms" if statements >= load.count / 100 else "–", f"{load.size:.0f}",
            f"{database_cpu / load.count * 1e6:.0f} µs" if database_cpu else "–"]


def fill(client, count):
    """Sessions, by the API."""
    for _ in range(count):
        client.expect(200, "POST", "/sessions", {"template": "terminal", "resources": {"memory": "64Mi", "cpu": "50m"}})


def measure(engine, peer):
    """(rows of the table, [resident MB at start, with SESSIONS sessions, after the reads])."""
    streamspace.ENGINE = engine.lower() if engine == "SQLite" else "postgres"
    with contextlib.ExitStack() as stack:
        server = Server(arguments=["--log-level=warn"])
        stack.callback(server.close)
        client = server.client()
        for number in range(AGENTS):
            agent = Agent(server, f"bench-{number}", arguments=PLENTY)
            stack.callback(agent.close)
            agent.wait_online(client)
        memory = [resident_mb(server.pid)]
        fill(client, SESSIONS)
        name = client.expect(200, "GET", "/sessions?limit=1")["sessions"][0]["name"]
        settled = lambda: client.expect(200, "GET", "/sessions?state=pending,starting&limit=1")["total"] == 0
        wait_for("all sessions run", settled, 120)
        memory.append(resident_mb(server.pid))
        measured = lambda *case: row(engine, server, client, peer, *case)
        rows = [measured("GET /health", "/health"),
                measured("GET /sessions/{name}", f"/api/v1/sessions/{name}"),
                measured("GET /sessions (50 of them)", "/api/v1/sessions"),
                measured("GET /templates", "/api/v1/templates")]
        memory.append(resident_mb(server.pid))
        rows.append(measured("POST /sessions", "/api/v1/sessions", SMALL))
        return rows, memory


def main():
    engines = os.environ.get("BENCH_ENGINES", "SQLite,PostgreSQL").split(",")
    print(f"\n## API: {CONNECTIONS} connections, {SECONDS} s each, {SESSIONS} sessions in the table, {AGENTS} agents that run nothing\n")
    peer, first = nginx_row()
    rows, memories = [first], []
    for engine in engines:
        measured, memory = measure(engine, peer)
        rows += measured
        memories.append([engine, *(f"{value:.1f} MB" for value in memory), MEMORY_TARGET])
    table(HEADINGS, rows)
    print(f"\nTargets for all: p99 {P99_TARGET}; database time of a statement, p99 {DATABASE_TARGET}.\n")
    table(["engine", "resident at start", f"with {SESSIONS} sessions", "after the reads", "target"], memories)


if __name__ == "__main__":
    main()
