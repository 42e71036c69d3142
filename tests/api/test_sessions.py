"""Sessions through the API: creating, listing, ending, streams, logs, commands, agents, with an agent that pretends."""
import json
import re
import threading
import time
import unittest

from apitest import ApiTest, problem
from robot_agent import RobotAgent
from streamspace import wait_for
from websocket import Closed, WebSocket


class Sessions(ApiTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.robot = RobotAgent(cls.server)
        cls.addClassCleanup(cls.robot.close)

    def running(self, client=None, **fields):
        client = client or self.admin
        name = client.create(**fields)
        client.wait_state(name, "running")
        return name

    def test_create_answers_as_the_contract_says(self):
        answer = self.admin.expect(200, "POST", "/sessions", {
            "user": "admin", "template": "firefox-browser", "resources": {"memory": "1Gi", "cpu": "500m"},
            "persistentHome": False})
        self.assertRegex(answer["name"], r"^admin-firefox-browser-[0-9a-f]{8}$")
        self.assertLessEqual(len(answer["name"]), 63)
        for field, value in (("namespace", "streamspace"), ("user", "admin"), ("template", "firefox-browser"),
                             ("state", "pending"), ("resources", {"memory": "1Gi", "cpu": "500m"}),
                             ("persistentHome", False), ("agentId", "robot-1")):
            self.assertEqual(answer[field], value)
        self.assertEqual(answer["status"]["phase"], "Pending")
        self.assertRegex(answer["status"]["message"],
                         r"^Session provisioning in progress \(agent: robot-1, command: cmd-[0-9a-f]{8,}\)$")
        for field in ("platform", "createdAt", "stateSince", "reason", "tags", "idleTimeout", "maxSessionDuration",
                      "hibernateMode", "viewers"):
            self.assertIn(field, answer)
        done = self.admin.wait_state(answer["name"], "running")
        self.assertEqual(done["status"]["phase"], "Running")
        self.assertEqual(done["status"]["url"], f"/sessions/{answer['name']}")
        self.assertTrue(done["agentOnline"])

    def test_fields_are_kept(self):
        name = self.running(tags=["blue", "demo"], idleTimeout="30m", maxSessionDuration="8h", env={"GREETING": "hi"})
        session = self.admin.session(name)
        self.assertEqual(sorted(session["tags"]), ["blue", "demo"])
        self.assertEqual((session["idleTimeout"], session["maxSessionDuration"]), ("30m", "8h"))
        self.assertEqual([s["name"] for s in self.admin.expect(200, "GET", "/sessions?tag=blue")["sessions"]], [name])
        told = [c for c in self.robot.commands if c["payload"].get("sessionId") == name][0]
        self.assertEqual(told["payload"]["env"], {"GREETING": "hi"})

    def test_a_repeat_is_answered_as_the_first_time(self):
        body, key = {"template": "terminal", "tags": ["repeated"]}, {"Idempotency-Key": "key-" + "k" * 20}
        first = self.admin.api("POST", "/sessions", body, headers=key)
        self.assertEqual(first.status, 200)
        self.admin.wait_state(first.json["name"], "running")
        again = self.admin.api("POST", "/sessions", body, headers=key)
        self.assertEqual((again.status, again.json), (200, first.json))
        self.assertEqual(self.admin.expect(200, "GET", "/sessions?tag=repeated")["total"], 1)
        problem(self, self.admin.api("POST", "/sessions", {"template": "firefox-browser"}, headers=key), 409,
                "idempotency_mismatch")
        problem(self, self.admin.api("POST", "/sessions", body, headers={"Idempotency-Key": "x" * 129}), 400)
        other = self.as_user("repeater").api("POST", "/sessions", body, headers=key)  # another's key is another
        self.assertNotEqual(other.json["name"], first.json["name"])

    def test_the_same_request_ten_times_at_once(self):
        names = []

        def create():
            client = self.server.anonymous()
            client.token = self.admin.token
            names.append(client.expect(200, "POST", "/sessions", {"template": "terminal", "tags": ["once"]},
                                       headers={"Idempotency-Key": "at-once"})["name"])
        threads = [threading.Thread(target=create) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(names), len(set(names))), (10, 1))
        self.assertEqual(self.admin.expect(200, "GET", "/sessions?tag=once")["total"], 1)

    def test_names_are_dns_labels_whatever_the_user_is_called(self):
        user = "very.long_user-name" + "x" * 40
        self.make_user(user)
        name = self.client(user).create("libreoffice")
        self.assertRegex(name, r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")

    def test_lists_filters_and_pages(self):
        lister = self.as_user("lister")
        names = [self.running(lister) for _ in range(5)]
        everything = lister.expect(200, "GET", "/sessions")
        self.assertEqual([s["name"] for s in everything["sessions"]], names[::-1])
        self.assertEqual((everything["total"], everything["nextCursor"]), (5, None))
        seen, cursor = [], None
        for _ in range(5):
            page = lister.expect(200, "GET", "/sessions?limit=2" + (f"&cursor={cursor}" if cursor else ""))
            seen += [s["name"] for s in page["sessions"]]
            cursor = page["nextCursor"]
            if not cursor:
                break
        self.assertEqual(seen, names[::-1])
        ids = {s["name"] for s in self.admin.expect(200, "GET", "/sessions?user=lister&limit=200")["sessions"]}
        self.assertEqual(ids, set(names))
        lister.expect(202, "DELETE", f"/sessions/{names[0]}")
        lister.wait_state(names[0], "terminated")
        self.assertEqual(lister.expect(200, "GET", "/sessions")["total"], 4)
        gone = lister.expect(200, "GET", "/sessions?state=terminated,failed")
        self.assertEqual([s["name"] for s in gone["sessions"]], [names[0]])
        self.assertEqual(lister.expect(200, "GET", "/sessions?state=running")["total"], 4)

    def test_delete_answers_and_happens_once(self):
        name = self.running()
        answer = self.admin.expect(202, "DELETE", f"/sessions/{name}")
        self.assertEqual(set(answer), {"name", "commandId", "message"})
        self.assertEqual(answer["name"], name)
        ended = self.admin.wait_state(name, "terminated")
        self.assertEqual(ended["status"]["phase"], "Terminated")
        problem(self, self.admin.api("DELETE", f"/sessions/{name}"), 409)
        command = self.admin.expect(200, "GET", f"/commands/{answer['commandId']}")
        self.assertEqual((command["status"], command["action"], command["sessionId"], command["errorMessage"]),
                         ("completed", "stop_session", name, None))
        for stamp in ("createdAt", "updatedAt", "sentAt", "acknowledgedAt", "completedAt"):
            self.assertRegex(command[stamp], r"^\d{4}-\d\d-\d\dT")

    def test_delete_while_it_is_ending(self):
        name = self.running()
        self.robot.hold.add("stop_session")
        try:
            self.admin.expect(202, "DELETE", f"/sessions/{name}")
            problem(self, self.admin.api("DELETE", f"/sessions/{name}"), 409, "already_ending")
        finally:
            self.robot.hold.clear()

    def test_a_stream_carries_bytes_and_ends_with_the_session(self):
        name = self.running()
        stream = self.admin.stream(name)
        self.assertIn("sec-websocket-protocol: binary", stream.head.lower())
        blob = bytes(range(256)) * 4096
        sender = threading.Thread(target=lambda: [stream.send(blob[i:i + 50000]) for i in range(0, len(blob), 50000)])
        sender.start()
        self.assertEqual(stream.read(len(blob), 20), blob)
        sender.join()
        wait_for("the viewer is counted", lambda: self.admin.session(name)["viewers"] == 1)
        self.admin.expect(202, "DELETE", f"/sessions/{name}")
        with self.assertRaises(Closed) as closed:
            while True:
                stream.receive(10)
        self.assertEqual(closed.exception.code, 4100)
        self.assertTrue(closed.exception.reason)

    def test_streams_end_with_their_login(self):
        self.make_user("leaver")
        leaver = self.client("leaver")
        name = self.running(leaver)
        stream = leaver.stream(name)
        stream.send(b"hello")
        stream.read(5)
        begin = time.monotonic()
        leaver.expect(204, "POST", "/auth/logout")
        with self.assertRaises(Closed) as closed:
            while True:
                stream.receive(10)
        self.assertEqual(closed.exception.code, 4102)
        self.assertLess(time.monotonic() - begin, 1.5)
        self.as_user("leaver").expect(202, "DELETE", f"/sessions/{name}")

    def test_a_display_that_cannot_be_had(self):
        name = self.running()
        self.robot.display = "error"
        try:
            stream = self.admin.stream(name)
            with self.assertRaises(Closed) as closed:
                stream.receive(20)
            self.assertIn(closed.exception.code, (4103, 4104))
            self.assertTrue(closed.exception.reason)
        finally:
            self.robot.display = "echo"

    def test_a_display_that_never_answers(self):
        name = self.running()
        self.robot.display = "absent"
        try:
            stream = self.admin.stream(name)
            begin = time.monotonic()
            with self.assertRaises(Closed) as closed:
                stream.receive(30)
            self.assertIn(closed.exception.code, (4103, 4104))
            self.assertLess(time.monotonic() - begin, 15)
        finally:
            self.robot.display = "echo"

    def test_logs(self):
        name = self.running()
        answer = self.admin.api("GET", f"/sessions/{name}/logs")
        self.assertEqual((answer.status, answer.body), (200, b"line 1\nline 2\n"))
        self.assertEqual(answer.headers["Content-Type"], "text/plain; charset=utf-8")
        problem(self, self.admin.api("GET", f"/sessions/{name}/logs?follow=perhaps"), 400, field="follow")
        self.robot.log, before = None, self.robot.log
        try:
            problem(self, self.admin.api("GET", f"/sessions/{name}/logs"), 503)
        finally:
            self.robot.log = before
        self.admin.expect(202, "DELETE", f"/sessions/{name}")
        self.admin.wait_state(name, "terminated")
        problem(self, self.admin.api("GET", f"/sessions/{name}/logs"), 409)

    def test_logs_are_followed(self):
        import http.client
        name = self.running()
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        self.addCleanup(connection.close)
        before = self.robot.log
        try:
            connection.request("GET", f"/api/v1/sessions/{name}/logs?follow=true",
                               headers={"Authorization": f"Bearer {self.admin.token}"})
            response = connection.getresponse()
            self.assertEqual(response.status, 200)
            self.assertEqual(response.readline(), b"line 1\n")
            self.assertEqual(response.readline(), b"line 2\n")
            self.robot.log = before + b"line 3\n"
            self.assertEqual(response.readline(), b"line 3\n")
            self.robot.log = b"line 3\nline 4\n"  # the log was turned over
            got = response.readline()
            self.assertIn(got, (b"line 3\n", b"line 4\n"))
            self.admin.expect(202, "DELETE", f"/sessions/{name}")
            rest = response.read()
            self.assertNotIn(b"line 1\n", rest)
        finally:
            self.robot.log = before

    def test_an_agent_pushes_what_comes(self):
        import http.client
        name = self.running()
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        self.addCleanup(connection.close)
        before, self.robot.follows = self.robot.log, True

        def asked():
            return [p["follow"] for p, _, _ in self.robot.streams if p["kind"] == "log" and p["sessionId"] == name]

        try:
            connection.request("GET", f"/api/v1/sessions/{name}/logs?follow=true",
                               headers={"Authorization": f"Bearer {self.admin.token}"})
            response = connection.getresponse()
            self.assertEqual([response.readline(), response.readline()], [b"line 1\n", b"line 2\n"])
            wait_for("the agent keeps it open", lambda: self.robot.followed)
            times = []
            for number in range(20):
                begin = time.monotonic()
                self.robot.push(b"pushed %d\n" % number)
                self.assertEqual(response.readline(), b"pushed %d\n" % number)
                times.append(time.monotonic() - begin)
            self.assertLess(sorted(times)[10], 0.2)
            self.assertEqual(asked(), [True])
            # The agent goes away for a moment: what is known already does not come twice.
            self.robot.log = before + b"".join(b"pushed %d\n" % n for n in range(20)) + b"meanwhile\n"
            self.robot.drop_followers()
            self.assertEqual(response.readline(), b"meanwhile\n")
            wait_for("the agent keeps it open", lambda: self.robot.followed)
            self.robot.push(b"and on\n")
            self.assertEqual(response.readline(), b"and on\n")
            self.assertEqual(asked(), [True, True])
            # Now it has no log to give for a while.
            self.robot.log, log = None, self.robot.log
            self.robot.drop_followers()
            wait_for("it was asked in vain", lambda: len([m for m in self.robot.messages if m["type"] == "stream_open"
                     and m["payload"]["sessionId"] == name]) >= 3)
            self.robot.log = log + b"and on\nback\n"
            self.assertEqual(response.readline(), b"back\n")
            self.admin.expect(202, "DELETE", f"/sessions/{name}")
            self.assertEqual(response.read(), b"")
        finally:
            self.robot.log, self.robot.follows = before, False

    def test_a_log_that_is_not_followed_ends(self):
        name = self.running()
        self.robot.follows = True
        try:
            self.assertEqual(self.admin.api("GET", f"/sessions/{name}/logs").body, b"line 1\nline 2\n")
        finally:
            self.robot.follows = False

    def test_following_ends_with_the_login(self):
        import http.client
        self.make_user("reader")
        reader = self.client("reader")
        name = self.running(reader)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        self.addCleanup(connection.close)
        connection.request("GET", f"/api/v1/sessions/{name}/logs?follow=true",
                           headers={"Authorization": f"Bearer {reader.token}"})
        response = connection.getresponse()
        self.assertEqual(response.readline(), b"line 1\n")
        reader.expect(204, "POST", "/auth/logout")
        begin = time.monotonic()
        response.read()
        self.assertLess(time.monotonic() - begin, 3)
        self.admin.expect(202, "DELETE", f"/sessions/{name}")

    def test_a_hundred_sessions_at_once(self):
        statuses, names = [], []

        def create():
            client = self.server.anonymous()
            client.token = self.admin.token
            for _ in range(10):
                answer = client.api("POST", "/sessions", {"template": "terminal", "tags": ["crowd"]})
                statuses.append(answer.status)
                if answer.status == 200:
                    names.append(answer.json["name"])
                elif answer.status == 503:
                    problem(self, answer, 503, "no_agent")
        threads = [threading.Thread(target=create) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(set(statuses) <= {200, 503}, statuses)
        active = self.admin.expect(200, "GET", "/agents/robot-1")["activeSessions"]
        self.assertLessEqual(active, 50)
        if 503 in statuses:
            self.assertEqual(active, 50)
        for name in names:
            self.admin.expect(202, "DELETE", f"/sessions/{name}")
        for name in names:
            self.admin.wait_state(name, "terminated")


class NoAgent(ApiTest):
    def test_the_refusal_says_of_every_agent_why(self):
        answer = self.admin.api("POST", "/sessions", {"template": "terminal"})
        body = problem(self, answer, 503, "no_agent")
        self.assertEqual(body["agents"], [])
        self.assertTrue(int(answer.headers["Retry-After"]) > 0)
        robot = RobotAgent(self.server, "small", max_sessions=1)
        self.addCleanup(robot.close)
        self.admin.wait_state(self.admin.create(), "running")
        body = problem(self, self.admin.api("POST", "/sessions", {"template": "terminal"}), 503, "no_agent")
        self.assertEqual([agent["agentId"] for agent in body["agents"]], ["small"])
        self.assertTrue(body["agents"][0]["reason"])
        self.assertEqual(self.admin.expect(200, "GET", "/sessions?state=pending")["total"], 0)

    def test_readiness_waits_for_the_agent_it_was_told_of(self):
        from streamspace import Server
        server = Server(arguments=["--ready-agent=robot-9"])
        self.addCleanup(server.close)
        problem(self, server.anonymous().request("GET", "/readyz"), 503, "agent_offline")
        robot = RobotAgent(server, "robot-9")
        wait_for("ready", lambda: server.anonymous().request("GET", "/readyz").status == 200)
        robot.close()
        wait_for("not ready", lambda: server.anonymous().request("GET", "/readyz").status == 503)


class Templates(ApiTest):
    def test_the_catalogue(self):
        answer = self.admin.expect(200, "GET", "/templates?limit=200")
        names = [template["name"] for template in answer["templates"]]
        self.assertEqual(names, sorted(names))
        self.assertEqual(answer["total"], len(names))
        for name in ("terminal", "firefox-browser"):
            self.assertIn(name, names)
        for template in answer["templates"]:
            for field in ("name", "displayName", "description", "category", "icon", "protocol", "resources", "tags"):
                self.assertTrue(template[field] is not None, f"{field} of {template['name']}")
        one = self.admin.expect(200, "GET", "/templates/terminal")
        self.assertEqual(one["resources"], {"cpu": "100m", "memory": "256Mi"})

    def test_search_and_pages(self):
        found = self.admin.expect(200, "GET", "/templates?search=FIREFOX")["templates"]
        self.assertIn("firefox-browser", [template["name"] for template in found])
        self.assertEqual(self.admin.expect(200, "GET", "/templates?search=%25")["total"], 0)
        self.assertEqual(self.admin.expect(200, "GET", "/templates?category=nothing")["templates"], [])
        seen, cursor = [], ""
        while True:
            page = self.admin.expect(200, "GET", f"/templates?limit=3{cursor}")
            seen += [template["name"] for template in page["templates"]]
            if not page["nextCursor"]:
                break
            cursor = f"&cursor={page['nextCursor']}"
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(len(seen), page["total"])


class Users(ApiTest):
    def test_create_and_list(self):
        user = self.admin.expect(201, "POST", "/users", {"username": "grace", "password": "a good long one",
                                                         "email": "grace@example.org", "fullName": "Grace H.",
                                                         "role": "operator"})
        self.assertEqual((user["username"], user["role"], user["email"], user["fullName"], user["active"]),
                         ("grace", "operator", "grace@example.org", "Grace H.", True))
        self.assertNotIn("password", json.dumps(user))
        problem(self, self.admin.api("POST", "/users", {"username": "grace", "password": "a good long one"}), 409,
                "user_exists")
        for body, field in (({"username": "Grace", "password": "a good long one"}, "username"),
                            ({"username": "new", "password": "short"}, "password"),
                            ({"username": "new", "password": "a good long one", "role": "king"}, "role"),
                            ({"username": "new", "password": "a good long one", "email": "nowhere"}, "email")):
            problem(self, self.admin.api("POST", "/users", body), 400, field=field)
        names = [entry["username"] for entry in self.admin.expect(200, "GET", "/users")["users"]]
        self.assertEqual(names, sorted(names))
        self.assertLessEqual({"admin", "grace"}, set(names))
        first = self.admin.expect(200, "GET", "/users?limit=1")
        second = self.admin.expect(200, "GET", f"/users?limit=1&cursor={first['nextCursor']}")
        self.assertEqual([first["users"][0]["username"], second["users"][0]["username"]], names[:2])


if __name__ == "__main__":
    unittest.main()
