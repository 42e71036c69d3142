"""How long a session takes: create → running → first picture on a stream → ended, over the API, one after the other."""
import os
import time

from rfb import Rfb
from streamspace import Up, leftovers, wait_for
from table import SUMMARY_HEADINGS, summary, table

RUNS = int(os.environ.get("BENCH_RUNS", "20"))


def one(client, template="terminal"):
    """Seconds: (to running, to the first picture with something on it, to the end with nothing left)."""
    begin = time.monotonic()
    name = client.create(template)
    wait_for(f"{name} runs", lambda: client.session(name)["state"] == "running", 30, pause=0.002)
    running = time.monotonic()
    stream = client.stream(name)
    rfb = Rfb(stream)
    rfb.wait_picture(lambda picture: picture.painted(), 30)
    painted = time.monotonic()
    stream.close()
    ended = time.monotonic()
    client.expect(202, "DELETE", f"/sessions/{name}")
    wait_for(f"{name} has ended", lambda: client.session(name)["state"] == "terminated", 30, pause=0.002)
    left = leftovers(name)
    if left:
        raise SystemExit(f"left behind: {left}")
    return running - begin, painted - begin, time.monotonic() - ended


def measure(runs=RUNS):
    up = Up(arguments=["--log-level=warn"])
    try:
        client = up.client()
        one(client)  # a first start from a cold disk measures the disk
        results = [one(client) for _ in range(runs)]
    finally:
        up.close()
    names = ["create → running", "create → first picture", "delete → nothing left"]
    return [[name] + summary([result[index] for result in results], 1000, 0) for index, name in enumerate(names)]


def main():
    print("\n## A terminal session, local runtime (ms)\n")
    table(["what"] + SUMMARY_HEADINGS, measure())


if __name__ == "__main__":
    main()
