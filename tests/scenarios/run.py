#!/usr/bin/env python3
"""Runs the acceptance scenarios, measures 4.1 and 4.2, and writes docs/results.md.

usage: tests/scenarios/run.py [--quick]      --quick: few runs, nothing is written
"""
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "lib"), os.path.join(ROOT, "bench")]

import http_bench  # noqa: E402
import start_bench  # noqa: E402
from rfb import Rfb  # noqa: E402
from streamspace import Up, leftovers, session_processes, stop_all, wait_for  # noqa: E402
from table import SUMMARY_HEADINGS, cpu_seconds, memory_kib, summary, table  # noqa: E402

QUICK = "--quick" in sys.argv
RUNS = 3 if QUICK else 10
HELD = 10 if QUICK else 50
lines = []


def say(text=""):
    print(text, flush=True)
    lines.append(text)


def machine():
    model = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo", encoding="utf-8").read())
    memory = int(re.search(r"MemTotal:\s+(\d+)", open("/proc/meminfo", encoding="utf-8").read()).group(1))
    return (f"{os.cpu_count()} cores ({model.group(1) if model else 'unknown'}), {memory // 1048576} GiB, "
            f"Linux {platform.release()}")


def api_latency(client, name):
    """Seconds of single requests, one after the other."""
    results = {}
    cases = {"GET /sessions/{name}": ("GET", f"/sessions/{name}"), "GET /sessions": ("GET", "/sessions"),
             "GET /templates": ("GET", "/templates"), "POST /sessions/{name}/tickets": ("POST", f"/sessions/{name}/tickets")}
    for what, (method, path) in cases.items():
        results[what] = []
        for _ in range(200):
            begin = time.perf_counter()
            answer = client.api(method, path, {"mode": "control"} if method == "POST" else None)
            results[what].append(time.perf_counter() - begin)
            assert answer.status < 300, answer
    return results


def stream_connect(client, name, runs):
    """Seconds from the ticket's request to the RFB banner."""
    values = []
    for _ in range(runs):
        begin = time.perf_counter()
        stream = client.stream(name)
        assert stream.read(12).startswith(b"RFB ")
        values.append(time.perf_counter() - begin)
        stream.close()
    return values


def scenario_4_1():
    say("\n## 4.1 Latencies\n")
    say("Must (p95): API 200 ms; running 30 s; stream 5 s; 15–30 frames/s; key to pixel 100 ms. "
        "Aim: 5 ms; 1 s; 100 ms; 60 frames/s; 16 ms over the display's own.\n")
    rows = []
    up = Up(arguments=["--log-level=warn"])
    try:
        client = up.client()
        start_bench.one(client)  # warm
        name = client.create("terminal")
        client.wait_state(name, "running")
        for what, values in api_latency(client, name).items():
            rows.append([what + " (ms)"] + summary(values, 1000, 2))
        rows.append(["ticket → RFB banner (ms)"] + summary(stream_connect(client, name, 20 if QUICK else 100), 1000, 1))
        client.expect(202, "DELETE", f"/sessions/{name}")
        client.wait_state(name, "terminated")
        starts = [start_bench.one(client) for _ in range(RUNS)]
        for index, what in enumerate(["create → running (ms)", "create → first picture (ms)", "delete → nothing left (ms)"]):
            rows.append([what] + summary([start[index] for start in starts], 1000, 0))
        seen = json.loads(subprocess.run(["node", "measure.mjs", up.url, str(RUNS)], cwd=os.path.join(ROOT, "tests/e2e"),
                                         check=True, text=True, capture_output=True).stdout)
        rows.append(["Chromium: click → first frame (ms)"] + summary(seen["launchToFrame"], 1, 0))
        rows.append(["Chromium: key → pixel (ms)"] + summary(seen["keyToPixel"], 1, 1))
        rows.append(["Chromium: frames/s, changing text"] + summary(seen["framesPerSecond"], 1, 1))
    finally:
        up.close()
    table(["what"] + SUMMARY_HEADINGS, rows, say)


def role_figures(up, begin, roles, displays):
    """[role, CPU seconds since begin, PSS MiB] rows."""
    rows = []
    for role, pids in {**{role: [pid] for role, pid in roles.items()}, "all sessions": displays}.items():
        rows.append([role, f"{cpu_seconds(*pids) - begin.get(role, 0):.2f}", f"{memory_kib(*pids) / 1024:.0f}"])
    return rows


def at_once(client, count):
    """Starts `count` sessions from as many threads; returns (names, seconds until all run)."""
    names, errors = [None] * count, []

    def one(index):
        try:
            mine = type(client)(client.url, client.token)
            names[index] = mine.create("terminal")
            mine.wait_state(names[index], "running", 60)
        except Exception as error:  # noqa: BLE001 - reported below
            errors.append(repr(error))

    begin = time.monotonic()
    threads = [threading.Thread(target=one, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if errors:
        raise SystemExit(f"{len(errors)} of {count} failed: {errors[:3]}")
    return names, time.monotonic() - begin


def database_milliseconds(client):
    """(statements, milliseconds a statement) from /metrics."""
    text = client.request("GET", "/metrics").body.decode()
    value = lambda name: sum(float(number) for number in re.findall(rf"^{name}(?:{{[^}}]*}})? ([\d.e+-]+)$", text, re.M))
    count = value("streamspace_db_statements_total")
    if not count:
        raise SystemExit("/metrics counts no database statements")
    return count, value("streamspace_db_seconds_total") * 1000 / count


def scenario_4_2():
    say("\n## 4.2 Throughput\n")
    say("Must: > 5 sessions/min; 50+ held; > 100 requests/s; database < 50 ms. "
        "Aim: > 300/min; > 20 000 requests/s per core; < 1 ms.\n")
    up = Up(arguments=["--log-level=warn", "--memory-overcommit=4"])
    rows = []
    try:
        client = up.client()
        start_bench.one(client)
        roles = up.children()
        begin = {role: cpu_seconds(pid) for role, pid in roles.items()}
        names, seconds = at_once(client, 20)
        rows.append(["20 sessions at once: all running after", f"{seconds:.2f} s"])
        more, seconds = at_once(client, HELD - 20 if HELD > 20 else 0)
        names += more
        streams = [Rfb(client.stream(name)) for name in names]
        for rfb in streams:
            rfb.picture(30)
        rows.append([f"{len(names)} sessions held, each with a viewer", f"{len(session_processes(up.agent_id))} processes"])
        figures = role_figures(up, begin, roles, session_processes(up.agent_id))
        before = cpu_seconds(*session_processes(up.agent_id), *roles.values())
        idle_begin = time.monotonic()
        wait_for("ten idle seconds have passed", lambda: time.monotonic() > idle_begin + 10, 15, pause=0.5)
        idle = (cpu_seconds(*session_processes(up.agent_id), *roles.values()) - before) / 10 * 100
        rows.append([f"CPU of {len(names)} idle, watched terminals with server and agent", f"{idle:.1f} % of a core"])
        for rfb in streams:
            rfb.stream.close()
        stop_all(client, 120)
        begin_pace = time.monotonic()
        count = 0
        while time.monotonic() < begin_pace + (10 if QUICK else 30):
            start_bench.one(client)
            count += 1
        rows.append(["whole sessions one after the other (create, picture, end)",
                     f"{count / (time.monotonic() - begin_pace) * 60:.0f} a minute"])
        statements, each = database_milliseconds(client)
        rows.append(["database time a statement", f"{each:.3f} ms (of {statements:.0f})"])
        left = leftovers(up.agent_id + "/")
        if left:
            raise SystemExit(f"left behind: {left}")
    finally:
        up.close()
    table(["what", "measured"], rows, say)
    say()
    table([f"process, {HELD} sessions", "CPU s while starting them", "PSS MiB"], figures, say)
    say("\nRequests, 64 connections, `wrk` on the same cores:\n")
    table(http_bench.HEADINGS, http_bench.measure(), say)


def scenarios():
    """The tests that are scenarios, with their figures."""
    say("## Scenarios 1.1–3.2\n")
    environ = dict(os.environ, PYTHONPATH=os.path.join(ROOT, "tests", "lib"))
    result = subprocess.run([sys.executable, "-m", "unittest", "-v", "test_scenarios"], text=True, env=environ,
                            cwd=os.path.join(ROOT, "tests", "scenarios"), capture_output=True)
    text = result.stdout + result.stderr
    for name, outcome in re.findall(r"^(test_\w+) .*?\.\.\. ?(?:.*?\n)*?\s*(ok|FAIL|ERROR)$", text, re.M):
        say(f"* {name[5:].replace('_', ' ')}: {outcome}")
    for figure in re.findall(r"^  (\d\.\d: .*)$", text, re.M):
        say(f"* {figure}")
    if result.returncode:
        print(text)
        raise SystemExit("a scenario failed")


def main():
    say("# Measured\n")
    say(f"{datetime.date.today()}, {machine()}. Made by `make scenarios`; the client that measures runs on the same machine.\n")
    scenarios()
    scenario_4_1()
    scenario_4_2()
    known = os.path.join(ROOT, "docs", "known-issues.md")
    if os.path.exists(known):
        say("\n## Known issues\n")
        say(open(known, encoding="utf-8").read().strip())
    if not QUICK:
        with open(os.path.join(ROOT, "docs", "results.md"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


main()
