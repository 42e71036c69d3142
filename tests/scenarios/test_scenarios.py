"""The acceptance scenarios with the local runtime: real server, real agent, real displays. Limits are the scenarios' own."""
import os
import threading
import time
import unittest

from rfb import Rfb
from streamspace import (Agent, Client, Server, Up, leftovers, read_in_session, session_processes, stop_all, wait_for)
from websocket import Closed

LONG = os.environ.get("STREAMSPACE_TEST_LONG") == "1"
HOLD_SECONDS = 300 if LONG else 60


def connect(client, name, seconds=10):
    """An RFB client on a session, tried again while the stream cannot be opened yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            stream = client.stream(name)
            return Rfb(stream), stream
        except (Closed, AssertionError, TimeoutError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def type_until(rfb, name, text, path, wanted, seconds=15):
    """Types a command line and waits until the file that it writes in the session holds `wanted`."""
    rfb.wait_picture(lambda picture: picture.painted(), seconds)
    deadline = time.monotonic() + seconds
    while read_in_session(name, path) != wanted:
        if time.monotonic() > deadline:
            raise AssertionError(f"{path} in {name} is {read_in_session(name, path)!r}, not {wanted!r}")
        rfb.type(text)
        end = time.monotonic() + 2
        while read_in_session(name, path) != wanted and time.monotonic() < end:
            time.sleep(0.02)


class OneMachine(unittest.TestCase):
    """Server and local agent as processes of their own."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.client = cls.server.client()
        cls.agent = Agent(cls.server, f"scn-{os.getpid()}", "local", arguments=["--on-exit=keep"])
        cls.agent.wait_online(cls.client)

    @classmethod
    def tearDownClass(cls):
        if not cls.agent.alive():
            cls.agent.restart()
            cls.agent.wait_online(cls.client)
        stop_all(cls.client)
        cls.agent.close()
        cls.server.close()
        wait_for("nothing is left", lambda: not leftovers(cls.agent.agent_id), 10)

    def gone(self, name):
        wait_for(f"nothing is left of {name}", lambda: not leftovers(name), 10)

    def test_1_1_a_session_from_create_to_nothing_left(self):
        begin = time.monotonic()
        name = self.client.create("terminal")
        self.client.wait_state(name, "running", 30)
        running = time.monotonic()
        rfb, stream = connect(self.client, name)
        rfb.picture()
        connected = time.monotonic()
        type_until(rfb, name, "echo hello-$((6*7)) > hello.txt\n", "/home/user/hello.txt", b"hello-42\n")
        rfb.click(100, 100)
        self.assertEqual(self.client.session(name)["viewers"], 1)
        rounds = 0
        while time.monotonic() < connected + HOLD_SECONDS:  # a picture a second, on one connection
            rfb.picture()
            rounds += 1
            time.sleep(max(0.0, connected + rounds - time.monotonic()))
        ended = time.monotonic()
        self.client.expect(202, "DELETE", f"/sessions/{name}")
        with self.assertRaises(Closed) as closed:
            while True:
                stream.receive(10)
        self.assertEqual(closed.exception.code, 4100)
        self.assertTrue(closed.exception.reason)
        self.client.wait_state(name, "terminated", 10)
        self.gone(name)
        print(f"\n  1.1: running after {running - begin:.3f} s, first picture {connected - running:.3f} s later, "
              f"held {HOLD_SECONDS} s ({rounds} pictures), ended in {time.monotonic() - ended:.3f} s")

    def test_1_3_five_users_at_once_see_only_their_own(self):
        users = [f"user{number}" for number in range(5)]
        clients = {}
        for user in users:
            self.client.expect(201, "POST", "/users", {"username": user, "password": "a password for " + user})
            clients[user] = Client(self.server.url).login(user, "a password for " + user)
        names = {}
        errors = []

        def drive(user):
            try:
                client = clients[user]
                name = names[user] = client.create("terminal")
                client.wait_state(name, "running")
                rfb, stream = connect(client, name)
                type_until(rfb, name, f"echo {user} > mine; ls /home /tmp > seen; ps ax | wc -l > procs\n",
                           "/home/user/mine", f"{user}\n".encode())
                stream.close()
            except Exception as error:  # noqa: BLE001 - reported below
                errors.append(f"{user}: {error!r}")

        def all_at_once(work):
            threads = [threading.Thread(target=drive, args=(user,)) for user in work]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(90)

        all_at_once(users)
        self.assertEqual(errors, [])
        for user in users:
            others = [names[other] for other in users if other != user]
            for other in others:
                self.assertEqual(clients[user].api("GET", f"/sessions/{other}").status, 404)
                self.assertEqual(clients[user].api("DELETE", f"/sessions/{other}").status, 404)
                self.assertEqual(clients[user].api("POST", f"/sessions/{other}/tickets", {"mode": "control"}).status, 404)
            listed = [session["name"] for session in clients[user].expect(200, "GET", "/sessions")["sessions"]]
            self.assertEqual(listed, [names[user]])
            processes = wait_for("ps has run", lambda: read_in_session(names[user], "/home/user/procs"), 10)
            self.assertLess(int(processes), 20)
        self.assertEqual(len({self.host_uid(names[user]) for user in users}), 5)
        for user in users[:2]:
            clients[user].expect(202, "DELETE", f"/sessions/{names[user]}")
            clients[user].wait_state(names[user], "terminated", 10)
            self.gone(names[user])
        all_at_once(users[:2])
        self.assertEqual(errors, [])

    @staticmethod
    def host_uid(name):
        """The user id, on the host, of most of a session's processes."""
        uids = []
        for pid in session_processes(name):
            try:
                uids.append(os.stat(f"/proc/{pid}").st_uid)
            except FileNotFoundError:
                pass
        return max(set(uids), key=uids.count)

    def test_2_1_ten_sessions_rapidly_five_end_five_new(self):
        before = len(self.client.expect(200, "GET", "/sessions")["sessions"])
        names = [self.client.create("terminal") for _ in range(10)]
        for name in names:
            self.client.wait_state(name, "running")
        self.assertEqual(self.active(), before + 10)
        for name in names[:5]:
            self.client.expect(202, "DELETE", f"/sessions/{name}")
        fresh = [self.client.create("terminal") for _ in range(5)]
        for name in names[:5]:
            self.client.wait_state(name, "terminated", 10)
            self.gone(name)
        for name in fresh:
            self.client.wait_state(name, "running")
        self.assertEqual(self.active(), before + 10)
        for name in names[5:] + fresh:
            self.assertEqual(self.client.session(name)["agentId"], self.agent.agent_id)
            self.client.expect(202, "DELETE", f"/sessions/{name}")
        for name in names[5:] + fresh:
            self.client.wait_state(name, "terminated", 20)

    def active(self):
        return self.client.expect(200, "GET", f"/agents/{self.agent.agent_id}")["activeSessions"]

    def test_3_1_the_agent_is_restarted_and_sessions_go_on(self):
        for kill in (False, True):
            with self.subTest("SIGKILL" if kill else "SIGTERM"):
                names = [self.client.create("terminal") for _ in range(5)]
                for name in names:
                    self.client.wait_state(name, "running")
                    rfb, stream = connect(self.client, name)
                    type_until(rfb, name, f"echo {name} > before\n", "/home/user/before", f"{name}\n".encode())
                    stream.close()
                first = {name: min(session_processes(name)) for name in names}
                begin = time.monotonic()
                self.agent.restart(kill=kill)
                for name in names:
                    rfb, stream = connect(self.client, name, 30)
                    type_until(rfb, name, "cat before > after\n", "/home/user/after", f"{name}\n".encode())
                    stream.close()
                    self.assertEqual(min(session_processes(name)), first[name], "the session was started anew")
                took = time.monotonic() - begin
                another = self.client.create("terminal")
                self.client.wait_state(another, "running")
                self.assertLess(took, 30)
                print(f"\n  3.1: after {'SIGKILL' if kill else 'SIGTERM'} all five streams were back within {took:.2f} s")
                for name in names + [another]:
                    self.client.expect(202, "DELETE", f"/sessions/{name}")
                for name in names + [another]:
                    self.client.wait_state(name, "terminated", 20)
                    self.gone(name)

    def test_3_2_a_delete_while_the_agent_is_dead(self):
        name = self.client.create("terminal")
        self.client.wait_state(name, "running")
        self.agent.kill()
        answer = self.client.expect(202, "DELETE", f"/sessions/{name}")
        command = self.client.expect(200, "GET", f"/commands/{answer['commandId']}")
        self.assertEqual((command["status"], command["errorMessage"]), ("pending", None))
        self.assertTrue(session_processes(name), "kill -9 of the agent must kill no session")
        self.agent.restart()
        self.agent.wait_online(self.client)
        online = time.monotonic()
        self.client.wait_state(name, "terminated", 60)
        took = time.monotonic() - online
        self.gone(name)
        done = self.client.expect(200, "GET", f"/commands/{answer['commandId']}")
        self.assertEqual(done["status"], "completed")
        stops = [row for row in self.client.expect(200, "GET", f"/commands?session={name}")["commands"]
                 if row["action"] == "stop_session"]
        self.assertEqual([row["attempts"] for row in stops], [1])
        print(f"\n  3.2: gone {took:.2f} s after the agent was online again")


class ThreeAgents(unittest.TestCase):
    """Placement over several agents; the null runtime, since only the numbers matter."""

    def test_2_2_fifteen_sessions_on_three_agents(self):
        server = Server()
        self.addCleanup(server.close)
        client = server.client()
        agents = [Agent(server, f"three-{number}") for number in range(3)]
        for agent in agents:
            self.addCleanup(agent.close)
            agent.wait_online(client)
        names = [client.create("terminal") for _ in range(15)]
        sessions = [client.wait_state(name, "running") for name in names]
        counts = sorted(sum(session["agentId"] == agent.agent_id for session in sessions) for agent in agents)
        self.assertEqual(counts, [5, 5, 5])
        for name in names:
            rows = client.expect(200, "GET", f"/commands?session={name}")["commands"]
            self.assertEqual({row["agentId"] for row in rows}, {client.session(name)["agentId"]})
        stop_all(client)


class Alone(unittest.TestCase):
    def test_up_stops_its_sessions_and_leaves_nothing(self):
        up = Up()
        self.addCleanup(up.close)
        client = up.client()
        names = [client.create("terminal") for _ in range(3)]
        for name in names:
            client.wait_state(name, "running")
        self.assertEqual(up.stop(), 0)
        wait_for("nothing is left", lambda: not leftovers(up.agent_id, up.data_dir), 10)


if __name__ == "__main__":
    unittest.main()
