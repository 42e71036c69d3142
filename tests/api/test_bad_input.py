"""Bad input: a clear problem or a closed connection, nothing leaked, and the server serves on."""
import json
import socket
import time
import unittest

from apitest import ApiTest, problem
from robot_agent import RobotAgent
from streamspace import PASSWORD, wait_for
from websocket import Refused, WebSocket


class BadInput(ApiTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.robot = RobotAgent(cls.server)
        cls.addClassCleanup(cls.robot.close)

    def tearDown(self):
        self.assertEqual(self.server.anonymous().request("GET", "/health").json, {"status": "healthy"})
        self.assertTrue(self.server.alive())

    def raw(self, data, seconds=10):
        """Sends bytes and reads until the server closes or the first answer is whole; returns (status, bytes)."""
        peer = socket.create_connection(("127.0.0.1", self.server.port), timeout=seconds)
        try:
            try:
                peer.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
            got = b""
            try:
                while b"\r\n\r\n" not in got:
                    more = peer.recv(65536)
                    if not more:
                        break
                    got += more
                else:
                    head, body = got.split(b"\r\n\r\n", 1)
                    length = [int(line.split(b":")[1]) for line in head.split(b"\r\n")
                              if line.lower().startswith(b"content-length:")]
                    while length and len(body) < length[0]:
                        more = peer.recv(65536)
                        if not more:
                            break
                        body += more
                    got = head + b"\r\n\r\n" + body
            except ConnectionResetError:
                pass
            return (int(got.split(b" ", 2)[1]) if got.startswith(b"HTTP/1.1 ") else None), got
        finally:
            peer.close()

    def post(self, raw, path="/sessions", content="application/json", client=None):
        headers = {"Content-Type": content} if content else {}
        return (client or self.admin).api("POST", path, raw=raw, headers=headers)

    # --- JSON ---

    def test_malformed_json(self):
        for text in (b"", b"{", b"[]", b"null", b'"x"', b"{'template':'x'}", b'{"template":}', b'{"template":"a"} x',
                     b'{"template":"a",}', b'{"template":"a","template":"b"}', b'{"template":"\xff"}',
                     b'{"template":"a\\u0000b"}', b'{"template":"\\ud800"}', b"\xef\xbb\xbf{}", b"{" * 100000,
                     b'{"a":' * 100 + b"1" + b"}" * 100, b"NaN", b'{"template":NaN}', b"\x00" * 10):
            problem(self, self.post(text), 400)

    def test_unknown_fields_are_refused_by_name(self):
        problem(self, self.post(b'{"template":"terminal","colour":"red"}'), 400, "unknown_field", "colour")
        problem(self, self.post(b'{"template":"terminal","resources":{"gpu":"1"}}'), 400, "unknown_field",
                "resources.gpu")
        problem(self, self.post(b'{"username":"a","password":"b","admin":true}', "/auth/login"), 400, "unknown_field",
                "admin")

    def test_wrong_types_and_bounds(self):
        good = {"template": "terminal"}
        for field, value in (("template", 1), ("template", None), ("template", ["terminal"]), ("template", ""),
                             ("template", "../../etc/passwd"), ("template", "Terminal"), ("template", "x" * 64),
                             ("user", 7), ("user", "../x"), ("user", ""), ("resources", "1Gi"), ("resources", []),
                             ("persistentHome", "yes"), ("persistentHome", 1), ("idleTimeout", 30),
                             ("idleTimeout", "-1h"), ("idleTimeout", "soon"), ("idleTimeout", "99999999999999h"),
                             ("maxSessionDuration", "1 fortnight"), ("tags", "a"), ("tags", [1]),
                             ("tags", ["x"] * 33), ("tags", ["y" * 65]), ("env", []), ("env", {"A": 1}),
                             ("env", {"A B": "x"}), ("env", {"1A": "x"}), ("env", {"A=B": "x"}),
                             ("env", {f"V{i}": "x" for i in range(65)}), ("env", {"A": "x" * 5000})):
            answer = self.admin.api("POST", "/sessions", {**good, field: value})
            body = problem(self, answer, 400)
            self.assertTrue(body["fields"][0]["field"].startswith(field), body)
        for resources in ({"memory": 1}, {"memory": "much"}, {"memory": "-1Gi"}, {"memory": "0"}, {"cpu": "0"},
                          {"cpu": "-1"}, {"cpu": "1e9"}, {"memory": "9999999999999999999Gi"}, {"memory": "1Gi\n"}):
            body = problem(self, self.admin.api("POST", "/sessions", {**good, "resources": resources}), 400)
            self.assertTrue(body["fields"][0]["field"].startswith("resources"), body)

    def test_media_types(self):
        for content in (None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                        "application/jsonx", "application/json-patch+json"):
            problem(self, self.post(b'{"template":"terminal"}', content=content), 415, "unsupported_media_type")
        for content in ("application/json; charset=utf-8", "Application/JSON"):
            self.assertEqual(self.post(b'{"template":"no-such-template"}', content=content).status, 404)

    def test_a_body_where_none_belongs(self):
        problem(self, self.admin.api("GET", "/auth/me", raw=b"{}"), 400, "unexpected_body")
        problem(self, self.admin.api("DELETE", "/sessions/nobody-x-00000000", raw=b"{}"), 404)
        problem(self, self.admin.api("PUT", "/sessions/nobody-x-00000000", {"state": "terminated"}), 405)
        problem(self, self.admin.api("POST", "/nothing", {"a": "b"}), 404)
        problem(self, self.admin.request("POST", "/", {"a": "b"}), 404)
        problem(self, self.admin.api("POST", "/auth/logout", raw=b"x" * 100000), 413)

    # --- size ---

    def test_a_body_of_2_mb(self):
        body = b'{"template":"' + b"x" * (2 << 20) + b'"}'
        problem(self, self.post(body), 413, "too_large")
        # The order of checks holds: who may not, is not told of sizes.
        problem(self, self.post(body, client=self.server.anonymous()), 401)
        problem(self, self.post(body, path="/users", client=self.as_user("sizer")), 403)
        problem(self, self.post(body, path="/auth/login"), 413)

    def test_a_chunked_body_without_end(self):
        peer = socket.create_connection(("127.0.0.1", self.server.port), timeout=20)
        self.addCleanup(peer.close)
        peer.sendall((f"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.admin.token}\r\n"
                      "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        got = b""
        peer.settimeout(0.05)
        try:
            for _ in range(1000):
                peer.sendall(chunk)
                try:
                    got += peer.recv(4096)
                except socket.timeout:
                    continue
                if got:
                    break
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.assertTrue(not got or got.startswith(b"HTTP/1.1 413"), got[:200])

    def test_a_body_with_two_lengths(self):
        head = (f"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.admin.token}\r\n"
                "Content-Type: application/json\r\n").encode()
        status, got = self.raw(head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        self.assertIn(status, (400, None))
        self.assertLessEqual(got.count(b"HTTP/1.1"), 1, "a second request was read out of the first one's body")
        status, got = self.raw(head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")
        self.assertIn(status, (400, None))

    def test_a_hundred_header_lines_of_8_kb(self):
        lines = b"".join(b"X-Filler-%d: " % i + b"y" * 8192 + b"\r\n" for i in range(100))
        status, _ = self.raw(b"GET /api/v1/auth/me HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
        self.assertIn(status, (400, 413, 431, None))

    def test_long_paths_and_queries(self):
        for path, statuses in (("/api/v1/sessions/" + "x" * 7000, (404, 414)),
                               ("/api/v1/sessions?user=" + "x" * 7000, (200, 400, 414)),
                               ("/" + "a/" * 3000, (404, 414)),
                               ("/api/v1/sessions?" + "&".join(f"a{i}=1" for i in range(500)), (400, 414)),
                               ("/api/v1/sessions?" + "&" * 20000, (200, 400, 414)),
                               ("/api/v1/sessions?" + "&".join(f"a{i}" for i in range(3000)), (400, 414))):
            self.assertIn(self.admin.request("GET", path).status, statuses, path[:60])

    def test_slow_clients_do_not_hold_others_up(self):
        peers = [socket.create_connection(("127.0.0.1", self.server.port)) for _ in range(100)]
        try:
            for peer in peers:
                peer.sendall(b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nX-Slow: ")
            begin = time.monotonic()
            self.server.client().expect(200, "GET", "/auth/me")
            self.assertLess(time.monotonic() - begin, 5)
        finally:
            for peer in peers:
                peer.close()

    # --- paths, methods, parameters ---

    def test_paths(self):
        for path, status in (("/api/v1/nothing", 404), ("/api/v1/", 404), ("/api/v2/sessions", 404),
                             ("/api/v1/sessions/", 404), ("/api/v1/sessions/a/b/c", 404),
                             ("/api/v1//sessions", 404),
                             ("/api/v1/sessions/a%2fb", 400), ("/api/v1/sessions/%00", 400),
                             ("/api/v1/sessions%00", 400), ("/api/v1/sessions/..%2f..%2fetc", 400),
                             ("/api/v1/sessions/%2e%2e", 400), ("/api/v1/sessions/%zz", 400),
                             ("/api/v1/sessions/a%0d%0aSet-Cookie:x=y", 400), ("/api/v1/templates/%c0%ae", 400),
                             ("/api/v1/templates/..", 400), ("/api/v1/templates/%F0%9F%98%80", 404)):
            problem(self, self.admin.request("GET", path), status)
        for path in ("/../../../etc/passwd", "/assets/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
                     "/assets/%2fetc%2fpasswd"):
            answer = self.admin.request("GET", path)
            self.assertIn(answer.status, (400, 404))
            self.assertNotIn(b"root:", answer.body)

    def test_methods(self):
        for method, path, allow in (("DELETE", "/api/v1/sessions", "POST, GET, HEAD"),
                                    ("PUT", "/api/v1/auth/login", "POST"), ("OPTIONS", "/api/v1/sessions", None),
                                    ("PUT", "/api/v1/agents/x", None), ("TRACE", "/api/v1/auth/me", None)):
            answer = self.admin.request(method, path)
            problem(self, answer, 405, "method_not_allowed")
            if allow:
                self.assertEqual(set(answer.headers["Allow"].split(", ")), set(allow.split(", ")))
        self.assertNotIn("Access-Control-Allow-Origin", self.admin.request(
            "OPTIONS", "/api/v1/sessions", headers={"Origin": "https://evil.example",
                                                   "Access-Control-Request-Method": "POST"}).headers)

    def test_head_is_get_without_a_body(self):
        answer = self.admin.request("HEAD", "/api/v1/templates")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(self.admin.request("HEAD", "/api/v1/sessions/nobody-x-00000000").status, 404)

    def test_parameters(self):
        for query, field in (("limt=5", "limt"), ("limit=0", "limit"), ("limit=201", "limit"), ("limit=x", "limit"),
                             ("limit=-1", "limit"), ("limit=1e2", "limit"), ("limit=", "limit"),
                             ("state=asleep", "state"), ("state=", "state"), ("state=running,,nope", "state"),
                             ("cursor=%00", "cursor"), ("cursor=..%2f", "cursor"), ("cursor=x", "cursor"),
                             ("user=a&colour=red", "colour")):
            problem(self, self.admin.api("GET", f"/sessions?{query}"), 400, field=field)
        problem(self, self.admin.api("GET", "/commands?status=lost"), 400, field="status")
        problem(self, self.admin.api("GET", "/auth/me?x=1"), 400, "unknown_parameter", "x")
        self.assertEqual(self.admin.api("GET", "/sessions?user=%FF").status, 400)

    # --- sessions and tickets ---

    def test_unknown_things(self):
        for path, code in (("/sessions/admin-x-00000000", "session_not_found"), ("/templates/nothing", "template_not_found"),
                           ("/agents/nobody", "agent_not_found"), ("/commands/cmd-0123456789abcdef", "command_not_found"),
                           ("/sessions/..'; DROP TABLE users; --", None)):
            path = path.replace(" ", "%20")
            problem(self, self.admin.api("GET", path), 404, code)
        problem(self, self.admin.api("POST", "/sessions", {"template": "no-such-thing"}), 404, "template_not_found")
        problem(self, self.admin.api("POST", "/sessions", {"template": "terminal", "user": "nobody-here"}), 404,
                "user_not_found")
        for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/tickets"), ("GET", "/logs")):
            problem(self, self.admin.api(method, f"/sessions/admin-x-00000000{tail}"), 404, "session_not_found")

    def test_somebody_elses_session(self):
        self.admin.wait_state(name := self.admin.create(), "running")
        mallory = self.as_user("mallory")
        for method, tail in (("GET", ""), ("DELETE", ""), ("POST", "/tickets"), ("GET", "/logs")):
            theirs = problem(self, mallory.api(method, f"/sessions/{name}{tail}"), 404, "session_not_found")
            nobodys = problem(self, mallory.api(method, f"/sessions/admin-terminal-00000000{tail}"), 404)
            self.assertEqual(theirs["detail"].replace(name, "X"),
                             nobodys["detail"].replace("admin-terminal-00000000", "X"))
        listed = mallory.expect(200, "GET", "/sessions?user=admin")
        self.assertEqual((listed["sessions"], listed["total"]), ([], 0))
        problem(self, mallory.api("POST", "/sessions", {"template": "terminal", "user": "admin"}), 403, "forbidden")
        ticket = self.admin.ticket(name)["ticket"]
        own = self.as_user("mallory").create()
        mallory.wait_state(own, "running")
        with self.assertRaises(Refused) as refused:  # a ticket opens its own session only
            WebSocket("127.0.0.1", self.server.port, f"/api/v1/sessions/{own}/stream?ticket={ticket}")
        self.assertEqual(refused.exception.status, 401)

    def test_tickets(self):
        name = self.admin.create()
        self.admin.wait_state(name, "running")
        stream = f"/api/v1/sessions/{name}/stream"

        def refused(target, **extra):
            with self.assertRaises(Refused) as caught:
                WebSocket("127.0.0.1", self.server.port, target, **extra)
            return caught.exception.status

        self.assertEqual(refused(stream), 401)
        self.assertEqual(refused(stream + "?ticket="), 401)
        self.assertEqual(refused(stream + "?ticket=" + "0" * 64), 401)
        self.assertEqual(refused(stream + "?ticket=%00"), 400)
        self.assertEqual(refused(stream + "?ticket=x&ticket=y"), 401)
        url = self.admin.ticket(name)["url"]
        first = WebSocket("127.0.0.1", self.server.port, url)
        self.assertEqual(refused(url), 401)
        first.close()
        # A stranger's page cannot use one, and it is gone after the attempt.
        url = self.admin.ticket(name)["url"]
        self.assertEqual(refused(url, headers=[("Origin", "https://evil.example")]), 403)
        self.assertEqual(refused(url), 401)
        url = self.admin.ticket(name)["url"]
        WebSocket("127.0.0.1", self.server.port, url,
                  headers=[("Origin", f"http://127.0.0.1:{self.server.port}")]).close()
        # Not a WebSocket at all.
        answer = self.server.anonymous().request("GET", self.admin.ticket(name)["url"])
        problem(self, answer, 426, "upgrade_required")
        problem(self, self.admin.api("POST", f"/sessions/{name}/tickets", {"mode": "fly"}), 400, field="mode")

    def test_a_ticket_expires(self):
        name = self.admin.create()
        self.admin.wait_state(name, "running")
        url = self.admin.ticket(name)["url"]
        time.sleep(31)
        with self.assertRaises(Refused) as refused:
            WebSocket("127.0.0.1", self.server.port, url)
        self.assertEqual(refused.exception.status, 401)

    def test_a_ticket_for_a_session_that_does_not_run(self):
        self.robot.hold.add("start_session")
        try:
            name = self.admin.create()
            problem(self, self.admin.api("POST", f"/sessions/{name}/tickets", {}), 409, "not_running")
        finally:
            self.robot.hold.clear()
        self.admin.api("DELETE", f"/sessions/{name}")

    # --- agents ---

    def test_agents_that_are_none(self):
        anonymous = self.server.anonymous()
        body = {"agentId": "stranger", "platform": "local"}
        problem(self, anonymous.api("POST", "/agents/register", body), 401)
        for key in ("wrong", "0" * 64, "x" * 4000):
            problem(self, anonymous.api("POST", "/agents/register", body, headers={"X-Agent-API-Key": key}), 401)
        key = {"X-Agent-API-Key": self.robot.key}
        for bad in ({}, {"agentId": "x"}, {**body, "agentId": "UPPER"}, {**body, "agentId": "../../x"},
                    {**body, "platform": "toaster"}, {**body, "capacity": {"cpu": "many"}},
                    {**body, "capacity": {"maxSessions": -1}}, {**body, "labels": {"a": 1}},
                    {**body, "metadata": []}, {**body, "more": 1}):
            problem(self, anonymous.api("POST", "/agents/register", bad, headers=key), 400)
        for target, headers, status in (
                ("/api/v1/agents/connect?agent_id=robot-1", [], 401),
                ("/api/v1/agents/connect?agent_id=robot-1", [("X-Agent-API-Key", "0" * 64)], 401),
                ("/api/v1/agents/connect?agent_id=nobody", [("X-Agent-API-Key", self.robot.key)], 404),
                ("/api/v1/agents/connect", [("X-Agent-API-Key", self.robot.key)], 400),
                ("/api/v1/agents/connect?agent_id=..%2fx", [("X-Agent-API-Key", self.robot.key)], 400)):
            with self.assertRaises(Refused) as refused:
                WebSocket("127.0.0.1", self.server.port, target, headers=headers, protocol=None)
            self.assertEqual(refused.exception.status, status, target)
        other = RobotAgent(self.server, "robot-2", connect=False)
        with self.assertRaises(Refused) as refused:
            WebSocket("127.0.0.1", self.server.port, "/api/v1/agents/connect?agent_id=robot-1",
                      headers=[("X-Agent-API-Key", other.key)], protocol=None)
        self.assertEqual(refused.exception.status, 403)
        problem(self, anonymous.api("GET", "/agents/connect?agent_id=robot-1",
                                    headers={"X-Agent-API-Key": self.robot.key}), 426, "upgrade_required")

    def test_agent_streams(self):
        robot = RobotAgent(self.server, "robot-3", display="absent")
        self.addCleanup(robot.close)
        other = RobotAgent(self.server, "robot-4", connect=False)
        path = "/api/v1/agents/streams/"
        self.assertEqual(robot.dial({"path": path + "0" * 32, "token": "x"})[0], 404)
        self.assertEqual(robot.dial({"path": path + "xyz", "token": "x"})[0], 404)
        self.assertEqual(robot.dial({"path": path + "0" * 32, "token": "x"}, key="0" * 64)[0], 401)
        name = self.on_agent(robot)
        viewer = self.admin.stream(name)
        self.addCleanup(viewer.close)
        asked = wait_for("the agent is asked for a stream", lambda: [
            m["payload"] for m in robot.messages if m["type"] == "stream_open"])[0]
        self.assertEqual(robot.dial(asked, token="0" * 64)[0], 401)
        self.assertEqual(robot.dial(asked, key=other.key)[0], 403)
        status, peer = robot.dial(asked)
        self.assertEqual(status, 101)
        self.assertIn(robot.dial(asked)[0], (404, 409))  # used once
        peer.sendall(b"hello")
        self.assertEqual(viewer.read(5), b"hello")
        viewer.send(b"world")
        peer.settimeout(10)
        self.assertEqual(peer.recv(100), b"world")
        peer.close()

    def on_agent(self, robot):
        """A running session that lies on this robot."""
        for _ in range(20):
            name = self.admin.create()
            session = self.admin.wait_state(name, "running")
            if session["agentId"] == robot.agent_id:
                return name
        raise AssertionError(f"placement never took {robot.agent_id}")


if __name__ == "__main__":
    unittest.main()
