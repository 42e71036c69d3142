"""Sessions coming and going: no growth in memory or descriptors. Short in `make test`, ten minutes in `make soak`."""
import os
import random
import time
import unittest

from rfb import Rfb
from streamspace import Agent, Server, leftovers, stop_all

LONG = os.environ.get("STREAMSPACE_TEST_LONG") == "1"
SECONDS = 600 if LONG else 45
SESSIONS = 20 if LONG else 8
SEED = int(os.environ.get("STREAMSPACE_SEED", "1"))


def figures(pid):
    """(resident KiB without shared pages, open descriptors, threads) of a process."""
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status", encoding="utf-8"))
    return int(status["RssAnon"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"])


class Soak(unittest.TestCase):
    def test_no_growth_while_sessions_come_and_go(self):
        chance = random.Random(SEED)
        server = Server()
        self.addCleanup(server.close)
        client = server.client()
        agent = Agent(server, f"soak-{os.getpid()}", "local")
        self.addCleanup(agent.close)
        agent.wait_online(client)
        live, ended = {}, 0

        def start():
            name = client.create("terminal")
            client.wait_state(name, "running", 60)
            stream = client.stream(name)
            rfb = Rfb(stream)
            rfb.picture()
            live[name] = (rfb, stream)

        def end(name):
            nonlocal ended
            live.pop(name)[1].close()
            client.expect(202, "DELETE", f"/sessions/{name}")
            client.wait_state(name, "terminated", 30)
            ended += 1

        def turn():
            if len(live) < SESSIONS:
                start()
            name = chance.choice(list(live))
            live[name][0].type("ls -l /usr/bin\n")
            live[name][0].picture()
            for _, stream in live.values():  # a viewer that answers no ping for a minute is taken for gone
                stream.attend()
            if len(live) >= SESSIONS:
                end(chance.choice(list(live)))

        begin = time.monotonic()
        while len(live) < SESSIONS:
            start()
        while time.monotonic() < begin + SECONDS * 0.35:  # caches, pools and allocators fill up
            turn()
        before = {"server": figures(server.pid), "agent": figures(agent.pid)}
        while time.monotonic() < begin + SECONDS:
            turn()
        after = {"server": figures(server.pid), "agent": figures(agent.pid)}
        print(f"\n  soak: {SECONDS} s, {ended} sessions ended, seed {SEED}")
        for role, (memory, descriptors, threads) in after.items():
            print(f"  {role}: {before[role][0]} → {memory} KiB, {before[role][1]} → {descriptors} descriptors, "
                  f"{before[role][2]} → {threads} threads")
            self.assertLess(memory, before[role][0] * 1.2 + 4096, f"{role} memory")
            self.assertLess(descriptors, before[role][1] + 40, f"{role} descriptors")
            self.assertLess(threads, before[role][2] + 16, f"{role} threads")
        for name in list(live):
            end(name)
        stop_all(client)
        self.assertEqual(leftovers(f"soak-{os.getpid()}/"), [])
        idle = figures(server.pid), figures(agent.pid)
        print(f"  at rest: server {idle[0][1]} and agent {idle[1][1]} descriptors")
        self.assertLess(idle[1][1], 64)


if __name__ == "__main__":
    unittest.main()
