"""Server-sent events: what changes, to whom it concerns, in order, without gaps, until the login ends."""
import http.client
import json
import time
import unittest

from apitest import ApiTest, problem
from robot_agent import RobotAgent


class Watcher:
    """An event stream; next() gives (id, type, data)."""

    def __init__(self, server, token, last=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=25)
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self.connection.request("GET", "/api/v1/events", headers=headers)
        self.response = self.connection.getresponse()
        self.comments = 0

    def next(self):
        event = {}
        while True:
            line = self.response.readline().decode()
            if not line:
                raise EOFError("the stream has ended")
            line = line.rstrip("\n")
            if line.startswith(":"):
                self.comments += 1
            elif line:
                key, value = line.split(": ", 1)
                event[key] = value
            elif "data" in event:
                return int(event["id"]), event["event"], json.loads(event["data"])
            else:
                event = {}

    def until(self, wanted):
        seen = []
        while True:
            seen.append(self.next())
            if wanted(seen[-1]):
                return seen

    def close(self):
        self.connection.close()


class Events(ApiTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.robot = RobotAgent(cls.server)
        cls.addClassCleanup(cls.robot.close)

    def watch(self, client, last=None):
        watcher = Watcher(self.server, client.token, last)
        self.addCleanup(watcher.close)
        self.assertEqual(watcher.response.status, 200)
        self.assertEqual(watcher.response.headers["Content-Type"], "text/event-stream; charset=utf-8")
        self.assertEqual(watcher.response.readline(), b"retry: 1000\n")
        self.assertEqual(watcher.response.readline(), b"\n")
        return watcher

    def life(self, client):
        name = client.create()
        client.wait_state(name, "running")
        client.expect(202, "DELETE", f"/sessions/{name}")
        client.wait_state(name, "terminated")
        return name

    def test_a_sessions_life_is_told_in_order(self):
        watcher = self.watch(self.admin)
        name = self.life(self.admin)
        events = watcher.until(lambda e: e[1] == "session" and e[2]["name"] == name and e[2].get("state") == "terminated")
        self.assertEqual([e[0] for e in events], sorted({e[0] for e in events}))
        states = [e[2]["state"] for e in events if e[1] == "session" and e[2]["name"] == name and "state" in e[2]]
        distinct = [state for i, state in enumerate(states) if i == 0 or states[i - 1] != state]
        self.assertEqual(distinct, ["pending", "starting", "running", "terminating", "terminated"])
        self.assertEqual(events[0][2]["action"] if events[0][2]["name"] == name else "created", "created")
        for _, _, data in events:
            self.assertIn(data["action"], ("created", "changed", "removed"))
        text = json.dumps([e[2] for e in events])
        for secret in ("token", "password", "displayToken"):
            self.assertNotIn(secret, text)

    def test_what_was_missed_comes_first(self):
        watcher = self.watch(self.admin)
        first = self.life(self.admin)
        last = watcher.next()[0]
        watcher.close()
        second = self.life(self.admin)
        again = self.watch(self.admin, last)
        events = again.until(lambda e: e[2].get("name") == second and e[2].get("state") == "terminated")
        self.assertTrue(all(e[0] > last for e in events))
        names = {e[2]["name"] for e in events if e[1] == "session"}
        self.assertLessEqual({first, second}, names)
        self.assertEqual(len(events), len({e[0] for e in events}))

    def test_others_see_nothing_of_it(self):
        alice, bob = self.as_user("alice"), self.as_user("bob")
        watching = self.watch(bob)
        of_alice = self.life(alice)
        of_bob = self.life(bob)
        events = watching.until(lambda e: e[2].get("name") == of_bob and e[2].get("state") == "terminated")
        self.assertNotIn(of_alice, json.dumps(events))
        self.assertEqual({e[1] for e in events} - {"session", "template"}, set())
        missed = self.watch(bob, 1)
        events = missed.until(lambda e: e[2].get("name") == of_bob and e[2].get("state") == "terminated")
        self.assertNotIn(of_alice, json.dumps(events))

    def test_the_stream_ends_with_the_login(self):
        self.make_user("goer")
        goer, stayer = self.client("goer"), self.client("goer")
        ends, stays = self.watch(goer), self.watch(stayer)
        begin = time.monotonic()
        goer.expect(204, "POST", "/auth/logout")
        with self.assertRaises(EOFError):
            while True:
                ends.next()
        self.assertLess(time.monotonic() - begin, 1.5)
        name = self.life(stayer)
        stays.until(lambda e: e[2].get("name") == name)

    def test_silence_is_broken(self):
        watcher = self.watch(self.as_user("quiet"))
        begin = time.monotonic()
        line = watcher.response.readline()
        self.assertTrue(line.startswith(b":"), line)
        self.assertLess(time.monotonic() - begin, 25)

    def test_bad_ids(self):
        for value in ("x", "-1", "1.5", "99999999999999999999"):
            problem(self, self.admin.api("GET", "/events", headers={"Last-Event-ID": value}), 400)

    def test_many_come_and_go(self):
        before = self.descriptors()
        for _ in range(30):
            watchers = [self.watch(self.admin) for _ in range(5)]
            for watcher in watchers:
                watcher.close()
        self.life(self.admin)
        deadline = time.monotonic() + 10
        while self.descriptors() > before + 5 and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertLessEqual(self.descriptors(), before + 5)

    def descriptors(self):
        import os
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))


if __name__ == "__main__":
    unittest.main()
