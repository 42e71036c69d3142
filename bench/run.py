#!/usr/bin/env python3
"""All benchmarks, or those named: prints Markdown tables. Nothing here asserts; numbers are compared as ratios."""
import os
import platform
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "tests", "lib"), os.path.join(ROOT, "bench")]


def relay():
    subprocess.run([os.path.join(ROOT, "build", "bench", "relay_bench")], check=True)


def http():
    import http_bench
    http_bench.main()


def api():
    import api_bench
    api_bench.main()


def start():
    import start_bench
    start_bench.main()


BENCHES = {"relay": relay, "http": http, "api": api, "start": start}


def main():
    names = sys.argv[1:] or list(BENCHES)
    for name in names:
        if name not in BENCHES:
            print(f"unknown benchmark {name}; there are: {' '.join(BENCHES)}", file=sys.stderr)
            return 2
    print(f"{platform.platform()}, {os.cpu_count()} cores", flush=True)
    for name in names:
        BENCHES[name]()
        sys.stdout.flush()
    return 0


sys.exit(main())
