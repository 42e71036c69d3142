"""The audit log: what is written, how it is read and exported, what a flood of refused attempts may do to it, and that
no secret is in it."""
import csv
import http.client
import io
import json
import time
import unittest
import urllib.parse

from apitest import ApiTest, cookies_of, problem
from robot_agent import RobotAgent
from streamspace import BOOTSTRAP_KEY, PASSWORD, Client, Server, wait_for


def entries(client, query=""):
    return client.expect(200, "GET", f"/audit?limit=200&{query}")["entries"]


class Log(ApiTest):
    def written(self, query, count=1):
        """Refused attempts are written by a thread of their own."""
        return wait_for(f"audit entries for {query}", lambda: (found := entries(self.admin, query)) and
                        len(found) >= count and found)

    def test_a_change_is_written_with_who_what_where(self):
        answer = self.admin.api("POST", "/users", {"username": "written", "password": PASSWORD})
        self.assertEqual(answer.status, 201)
        entry = entries(self.admin, "action=user.create&target=written")[0]
        self.assertEqual((entry["user"], entry["outcome"], entry["address"]), ("admin", "allowed", "127.0.0.1"))
        self.assertEqual(entry["requestId"], answer.headers["X-Request-Id"])
        self.assertRegex(entry["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_every_kind_of_refusal_is_written(self):
        robot = RobotAgent(self.server)
        self.addCleanup(robot.close)
        owner, other = self.as_user("refowner"), self.as_user("refother")
        name = owner.create()
        anonymous = self.server.anonymous()
        # 401 without and with bad credentials
        problem(self, anonymous.api("GET", "/sessions"), 401)
        forger = Client(self.server.url)
        forger.token = "a.b.c"
        answer = forger.api("DELETE", f"/sessions/{name}")
        problem(self, answer, 401)
        entry = self.written("action=session.delete&outcome=refused")[0]
        self.assertEqual((entry["user"], entry["target"], entry["requestId"]),
                         ("anonymous", name, answer.headers["X-Request-Id"]))
        self.assertIn("401", entry["detail"])
        # 403 by role
        problem(self, other.api("POST", "/users", {"username": "x", "password": PASSWORD}), 403)
        self.assertEqual(self.written("action=user.create&outcome=refused&user=refother")[0]["detail"], "403 forbidden")
        # 404 by ownership, but not what is simply not there
        problem(self, other.api("DELETE", f"/sessions/{name}"), 404)
        entry = self.written("action=session.delete&user=refother")[0]
        self.assertEqual((entry["target"], entry["outcome"]), (name, "refused"))
        # CSRF
        login = anonymous.api("POST", "/auth/login", {"username": "refother", "password": PASSWORD})
        cookie = "; ".join(f"{key}={value}" for key, value in cookies_of(login).items())
        problem(self, anonymous.api("POST", "/sessions", {"template": "terminal"}, headers={"Cookie": cookie}), 403, "csrf")
        self.assertIn("csrf", self.written("action=session.create&user=refother&outcome=refused")[0]["detail"])
        # a wrong password, for an account and for none
        problem(self, anonymous.api("POST", "/auth/login", {"username": "refother", "password": "x" * 12}), 401)
        self.assertEqual(len(self.written("action=login.create&target=refother&outcome=refused")), 1)
        # a settings change by somebody who may not
        problem(self, other.api("PATCH", "/settings", {"log-level": "debug"}), 403)
        self.written("action=settings.update&user=refother&outcome=refused")
        # the page asks who it is: no attempt
        problem(self, anonymous.api("GET", "/auth/me"), 401)
        self.assertEqual(entries(self.admin, "action=me.get"), [])

    def test_too_many_attempts(self):
        client = self.server.anonymous()
        for _ in range(15):
            answer = client.api("POST", "/auth/login", {"username": "nobody-here", "password": "x" * 12})
        problem(self, answer, 429)
        self.assertIn("429", self.written("action=auth.login&outcome=refused")[0]["detail"])

    def test_filters(self):
        self.make_user("filterme")
        everything = entries(self.admin)
        by_action = entries(self.admin, "action=user.create")
        self.assertTrue(by_action)
        self.assertEqual({entry["action"] for entry in by_action}, {"user.create"})
        self.assertLessEqual({entry["id"] for entry in by_action},
                             {entry["id"] for entry in entries(self.admin, "action=user")})
        self.assertEqual({entry["action"].split(".")[0] for entry in entries(self.admin, "action=user")}, {"user"})
        self.assertEqual(entries(self.admin, "action=use"), [])
        self.assertEqual([entry["target"] for entry in entries(self.admin, "search=FilterM")], ["filterme"])
        self.assertEqual(entries(self.admin, "search=%25"), [], "a percent sign is itself")
        self.assertEqual(entries(self.admin, "user=admin&target=no-such"), [])
        middle = everything[len(everything) // 2]["time"]
        since = entries(self.admin, "from=" + middle)
        until = entries(self.admin, "to=" + middle)
        self.assertTrue(all(entry["time"] >= middle for entry in since) and all(entry["time"] < middle for entry in until))
        self.assertGreaterEqual(len(since) + len(until), len(everything))
        for query in ("outcome=maybe", "from=yesterday", "to=1", "cursor=x", "limit=0", "limit=201", "colour=red"):
            problem(self, self.admin.api("GET", "/audit?" + query), 400)

    def test_pages(self):
        for i in range(7):
            self.make_user(f"page-{i}")
        seen, cursor = [], None
        for _ in range(100):
            page = self.admin.expect(200, "GET", "/audit?limit=3&search=page-" + (f"&cursor={cursor}" if cursor else ""))
            self.assertEqual(page["total"], 7)
            seen += [entry["target"] for entry in page["entries"]]
            cursor = page["nextCursor"]
            if not cursor:
                break
        self.assertEqual(seen, [f"page-{i}" for i in reversed(range(7))])


class Export(ApiTest):
    ROWS = 20000

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.stop()
        cls.server.sql_many(
            "INSERT INTO audit_log (created_at, username, action, target, outcome, address, detail) "
            "VALUES (?, ?, ?, ?, 'allowed', '192.0.2.7', ?)",
            ((f"2020-01-01T00:00:00.{i % 1000:03}Z", "bulk", "test.bulk", f"t{i}", "x" * 300) for i in range(cls.ROWS)))
        cls.server.sql_many(
            "INSERT INTO audit_log (created_at, username, action, target, outcome, detail) "
            "VALUES ('2020-01-02T00:00:00.000Z', 'evil', 'test.evil', ?, 'refused', ?)",
            [("=cmd|' /C calc'!A0", "+1"), ("@SUM(A1)", "-2"), ('say "hi", ok', "two\r\nlines"), ("\tTab", "grüße")])
        cls.server._start()
        cls.admin = cls.server.client()

    def test_csv(self):
        answer = self.admin.api("GET", "/audit/export?action=test.evil")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "text/csv; charset=utf-8")
        self.assertIn("attachment", answer.headers["Content-Disposition"])
        rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
        cells = {(row["target"], row["detail"]) for row in rows}
        self.assertEqual(cells, {("'=cmd|' /C calc'!A0", "'+1"), ("'@SUM(A1)", "'-2"), ('say "hi", ok', "two\r\nlines"),
                                 ("'\tTab", "grüße")})
        self.assertEqual({row["outcome"] for row in rows}, {"refused"})

    def test_json_is_what_the_list_says(self):
        exported = self.admin.expect(200, "GET", "/audit/export?format=json&action=test.evil")["entries"]
        self.assertEqual(exported, entries(self.admin, "action=test.evil"))
        self.assertEqual(self.admin.expect(200, "GET", "/audit/export?format=json&action=no.such"), {"entries": []})
        problem(self, self.admin.api("GET", "/audit/export?format=xml"), 400, "invalid_parameter", "format")

    def test_an_export_is_written_down(self):
        self.admin.expect(200, "GET", "/audit/export?format=json&action=test.evil")
        self.assertEqual(entries(self.admin, "action=audit.export")[0]["detail"], "json")

    def resident(self):
        with open(f"/proc/{self.server.pid}/status", encoding="utf-8") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))

    def test_all_of_it_for_a_client_that_reads_slowly(self):
        self.admin.expect(200, "GET", "/audit/export?format=json&action=test.evil")
        before = self.resident()
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        self.addCleanup(connection.close)
        connection.request("GET", "/api/v1/audit/export?action=test.bulk",
                           headers={"Authorization": f"Bearer {self.admin.token}"})
        answer = connection.getresponse()
        first = answer.read(1000)
        time.sleep(0.5)  # not waiting for anything: this client is slow
        self.assertLess(self.resident() - before, 8 * 1024, "what is not read is not kept in memory")
        text = first + answer.read()
        self.assertEqual(text.count(b"\r\n"), self.ROWS + 1)
        self.assertGreater(len(text), 6_000_000)
        self.assertLess(self.resident() - before, 8 * 1024)
        self.assertEqual(len({line.split(b",")[0] for line in text.splitlines()}), self.ROWS + 1, "no row twice")

    def test_a_client_that_leaves_leaves_nothing_behind(self):
        for _ in range(5):
            connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
            connection.request("GET", "/api/v1/audit/export", headers={"Authorization": f"Bearer {self.admin.token}"})
            connection.getresponse().read(100)
            connection.close()
        self.assertEqual(len(self.admin.expect(200, "GET", "/audit/export?format=json&action=test.evil")["entries"]), 4)


class Flood(unittest.TestCase):
    def test_refused_attempts_are_bounded_and_counted(self):
        server = Server(arguments=["--audit-refused-rate=20"])
        self.addCleanup(server.close)
        admin = server.client()
        client = server.anonymous()
        for _ in range(300):
            self.assertEqual(client.api("GET", "/sessions").status, 401)
        told = wait_for("the rest is counted", lambda: entries(admin, "action=audit.suppress"), 25)
        written = entries(admin, "action=sessions.list&outcome=refused")
        self.assertTrue(10 <= len(written) <= 25, len(written))
        numbers = sum(int(entry["detail"].split()[0]) for entry in told)
        server.stop()
        numbers = sum(int(row[0].split()[0])
                      for row in server.sql("SELECT detail FROM audit_log WHERE action = 'audit.suppress'"))
        written = server.sql("SELECT COUNT(*) FROM audit_log WHERE action = 'sessions.list'")[0][0]
        self.assertEqual(numbers + written, 300, "none is lost")

    def test_old_entries_go(self):
        server = Server(arguments=["--audit-days=2"])
        self.addCleanup(server.close)
        server.stop()
        server.sql("INSERT INTO audit_log (created_at, username, action, outcome) "
                   "VALUES ('2020-01-01T00:00:00.000Z', 'old', 'test.old', 'allowed')")
        # the sweep runs once a minute of steady time: make the last one long ago
        server.sql("UPDATE steady_clock SET ms = ms + 59000 - (ms % 60000)")
        server._start()
        admin = server.client()
        wait_for("the old entry is gone", lambda: not entries(admin, "action=test.old"), 90, 0.5)
        self.assertTrue(entries(admin, "action=login.create"))


class Secrets(unittest.TestCase):
    """After a long scenario no token, password, key or ticket is in the audit log, in its exports or in any log line."""

    def test_nothing_secret_is_written(self):
        server = Server(arguments=["--log-level=debug"], env={"JWT_SECRET": "jwt-secret-" + "s" * 32})
        self.addCleanup(server.close)
        secrets = {"admin password": PASSWORD, "bootstrap key": BOOTSTRAP_KEY, "JWT_SECRET": "jwt-secret-" + "s" * 32}
        anonymous, admin = server.anonymous(), server.client()
        login = anonymous.api("POST", "/auth/login", {"username": "admin", "password": PASSWORD})
        secrets |= {"access": login.json["token"], "refresh": login.json["refreshToken"], "admin token": admin.token}
        secrets |= {f"cookie {name}": value for name, value in cookies_of(login).items()}
        refreshed = anonymous.api("POST", "/auth/refresh", {"refreshToken": login.json["refreshToken"]}).json
        secrets |= {"second access": refreshed["token"], "second refresh": refreshed["refreshToken"]}
        anonymous.api("POST", "/auth/refresh", {"refreshToken": login.json["refreshToken"]})  # stolen
        for field, value in (("username", "typed-password-as-name"), ("password", "wrong-password-typed")):
            secrets[f"typed {field}"] = value
            anonymous.api("POST", "/auth/login", {"username": "admin", "password": "wrong wrong wrong", field: value})
        secrets["new password"] = "newcomers-password-1"
        admin.expect(201, "POST", "/users", {"username": "newcomer", "password": "newcomers-password-1"})
        newcomer = server.client("newcomer", "newcomers-password-1")
        secrets["newcomer's token"] = newcomer.token
        secrets["changed password"] = "changed-password-22"
        newcomer.api("POST", "/auth/change-password", {"currentPassword": "not-that-one-3", "newPassword": "changed-password-22"})
        secrets["wrong current password"] = "not-that-one-3"
        newcomer.expect(204, "POST", "/auth/change-password",
                        {"currentPassword": "newcomers-password-1", "newPassword": "changed-password-22"})
        robot = RobotAgent(server)
        self.addCleanup(robot.close)
        secrets["agent key"] = robot.key
        secrets["enrolment token"] = admin.expect(201, "POST", "/admin/agent-tokens", {})["token"]
        anonymous.api("POST", "/agents/register", {"agentId": "thief", "platform": "local"},
                      headers={"X-Agent-API-Key": "wrong-key-of-a-thief"})
        secrets["wrong agent key"] = "wrong-key-of-a-thief"
        name = admin.create(env={"API_KEY": "value-of-a-variable"})
        secrets["environment"] = "value-of-a-variable"
        admin.wait_state(name, "running")
        secrets["display token"] = robot.commands[0]["payload"]["displayToken"]
        newcomer.api("DELETE", f"/sessions/{name}")
        ticket = admin.ticket(name)
        secrets["ticket"] = ticket["ticket"]
        stream = admin.stream(name)
        stream.close()
        anonymous.request("GET", ticket["url"] + "0")
        anonymous.request("GET", ticket["url"])
        secrets["guessed link"] = "guessed-link-token-0123456789"
        for path in ("/api/v1/shares/guessed-link-token-0123456789", "/share/guessed-link-token-0123456789"):
            anonymous.request("GET", path, headers={"Accept": "text/html"})
            anonymous.request("POST", path + "/tickets", {})
        admin.expect(202, "DELETE", f"/sessions/{name}")
        admin.wait_state(name, "terminated")
        for form in ("csv", "json"):
            text = admin.api("GET", f"/audit/export?format={form}").body.decode()
            self.assertIn("session.create", text)
            self.check(secrets, text, f"the {form} export")
        server.stop()
        self.assertIn("/api/v1/auth/login", server.output)
        self.check(secrets, server.output, "the log")
        rows = server.sql("SELECT * FROM audit_log")
        self.assertGreater(len(rows), 15)
        self.check(secrets, json.dumps(rows, ensure_ascii=False), "audit_log")

    def check(self, secrets, text, where):
        for label, secret in secrets.items():
            for form in (secret, urllib.parse.quote(secret, safe="")):
                self.assertNotIn(form, text, f"{where} holds the {label}")


if __name__ == "__main__":
    unittest.main()
