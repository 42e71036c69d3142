"""Requests per second of server CPU, beside nginx in the same run; wrk makes the load."""
import os
import re
import shutil
import subprocess
import tempfile

from streamspace import Agent, Server, wait_for
from table import cpu_seconds, table

SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
CONNECTIONS = 64


def load(url, pids, token=None):
    """(requests/s, requests per CPU second of the server, p99 text) of one wrk run."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", url]
    if token:
        command[1:1] = ["-H", f"Authorization: Bearer {token}"]
    before = cpu_seconds(*pids)
    output = subprocess.run(command, check=True, text=True, capture_output=True).stdout
    used = cpu_seconds(*pids) - before
    count = int(re.search(r"(\d+) requests in", output).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    if bad:
        raise SystemExit(f"{url}: {bad.group(1)} answers were no success")
    return rate, count / max(used, 0.01), re.search(r"99%\s+(\S+)", output).group(1)


class Nginx:
    """nginx with a constant answer, two workers, on a free port."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="ss-nginx-")
        os.chmod(self.directory, 0o755)
        self.socket_port = self._free_port()
        config = f"""
            worker_processes 2; daemon off; pid {self.directory}/pid; error_log stderr crit;
            events {{ worker_connections 1024; }}
            http {{ access_log off; keepalive_requests 1000000;
              client_body_temp_path {self.directory}/b; proxy_temp_path {self.directory}/p; fastcgi_temp_path {self.directory}/f;
              uwsgi_temp_path {self.directory}/u; scgi_temp_path {self.directory}/s;
              server {{ listen 127.0.0.1:{self.socket_port}; location / {{ default_type application/json;
                return 200 '{{"status":"healthy"}}'; }} }} }}"""
        path = os.path.join(self.directory, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        self.process = subprocess.Popen(["nginx", "-c", path, "-p", self.directory], stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{self.socket_port}/"
        wait_for("nginx answers", lambda: subprocess.run(["curl", "-sf", self.url], capture_output=True).returncode == 0)

    @staticmethod
    def _free_port():
        import socket
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def pids(self):
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], text=True,
                                  capture_output=True).stdout.split()
        return [self.process.pid] + [int(pid) for pid in children]

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.directory, ignore_errors=True)


def measure():
    """Rows [what, requests/s, requests per CPU second, ratio to nginx, p99]."""
    server = Server(arguments=["--log-level=warn"])
    nginx = Nginx()
    try:
        client = server.client()
        agent = Agent(server, "bench-http")
        agent.wait_online(client)
        name = client.create("terminal")
        client.wait_state(name, "running")
        cases = [("nginx, constant answer", nginx.url, nginx.pids(), None),
                 ("GET /health", f"{server.url}/health", [server.pid], None),
                 ("GET /api/v1/sessions/{name}", f"{server.url}/api/v1/sessions/{name}", [server.pid], client.token),
                 ("GET /api/v1/templates", f"{server.url}/api/v1/templates", [server.pid], client.token)]
        results = [(what, *load(url, pids, token)) for what, url, pids, token in cases]
        peer = results[0][2]
        agent.close()
        return [[what, f"{rate:.0f}", f"{per_cpu:.0f}", f"{per_cpu / peer:.2f}", p99]
                for what, rate, per_cpu, p99 in results]
    finally:
        nginx.close()
        server.close()


HEADINGS = ["request", "requests/s", "per core of server CPU", "ratio to nginx", "p99"]


def main():
    print(f"\n## HTTP: {CONNECTIONS} connections, {SECONDS} s each, wrk on the same two cores\n")
    table(HEADINGS, measure())


if __name__ == "__main__":
    main()
