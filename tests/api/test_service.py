"""The server as operators see it: health, figures, headers, the page, the document, the log."""
import gzip
import os
import re
import subprocess
import unittest

from apitest import ApiTest, cookies_of, problem
from robot_agent import RobotAgent
from streamspace import BOOTSTRAP_KEY, ENGINE, PASSWORD, ROOT, Server


class Service(ApiTest):
    def test_health_and_version(self):
        client = self.server.anonymous()
        self.assertEqual(client.request("GET", "/health").json, {"status": "healthy"})
        self.assertEqual(client.request("GET", "/readyz").json, {"status": "ready"})
        version = client.request("GET", "/version").json
        self.assertEqual((version["name"], version["api"]), ("streamspace", "v1"))
        self.assertRegex(version["version"], r"^\d+\.\d+\.\d+")
        self.assertEqual(version, client.expect(200, "GET", "/version"))

    def test_the_database_is_the_one_that_these_tests_are_for(self):
        self.assertIn(f"database={ENGINE}", self.server.wait_output(r"serving.*")[0])

    def test_security_headers_are_on_everything(self):
        client = self.server.anonymous()
        for path in ("/", "/health", "/metrics", "/api/v1/auth/me", "/api/v1/nothing", "/nothing.js", "/api/openapi.json",
                     "/api/v1/sessions/%2f"):
            headers = client.request("GET", path).headers
            policy = headers["Content-Security-Policy"]
            for part in ("default-src 'self'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
                         "object-src 'none'", "form-action 'self'"):
                self.assertIn(part, policy, path)
            self.assertNotIn("unsafe-eval", policy)
            self.assertNotIn("script-src 'self' 'unsafe-inline'", policy)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff", path)
            self.assertEqual(headers["Referrer-Policy"], "no-referrer", path)
            self.assertEqual(len(headers.get_all("Content-Security-Policy")), 1, path)
            self.assertRegex(headers["X-Request-Id"], "^[0-9a-f]{16}$", path)
            self.assertNotIn("Access-Control-Allow-Origin", headers)
        self.assertEqual(client.request("GET", "/api/v1/auth/me").headers["Cache-Control"], "no-store")
        self.assertEqual(self.admin.api("GET", "/auth/me").headers["Cache-Control"], "no-store")
        self.assertNotIn("Strict-Transport-Security", client.request("GET", "/").headers)

    def test_the_page(self):
        client = self.server.anonymous()
        html = {"Accept": "text/html"}
        page = client.request("GET", "/", headers=html)
        self.assertEqual(page.status, 200)
        self.assertTrue(page.headers["Content-Type"].startswith("text/html"))
        self.assertIn(b"StreamSpace", page.body)
        self.assertEqual(client.request("GET", "/sessions/somebody-s-session", headers=html).body, page.body)
        problem(self, client.request("GET", "/no/such/script.js"), 404)
        problem(self, client.request("GET", "/api/v1/no-such", headers=html), 404)
        again = client.request("GET", "/", headers={**html, "If-None-Match": page.headers["ETag"]})
        self.assertEqual((again.status, again.body), (304, b""))
        for path in re.findall(rb'(?:src|href)="(/[^"]+)"', page.body):
            asset = client.request("GET", path.decode(), headers={"Accept-Encoding": "gzip"})
            self.assertEqual(asset.status, 200, path)
            body = gzip.decompress(asset.body) if asset.headers["Content-Encoding"] == "gzip" else asset.body
            self.assertEqual(client.request("GET", path.decode()).body, body, path)

    def test_the_document(self):
        answer = self.server.anonymous().request("GET", "/api/openapi.json")
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertEqual(answer.json["openapi"], "3.1.0")
        self.assertTrue(answer.headers["ETag"])
        again = self.server.anonymous().request("GET", "/api/openapi.json",
                                                headers={"If-None-Match": answer.headers["ETag"]})
        self.assertEqual(again.status, 304)

    def test_the_page_of_the_document(self):
        client = self.server.anonymous()
        page = client.request("GET", "/api/docs")
        self.assertEqual((page.status, page.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("script-src 'self';", page.headers["Content-Security-Policy"])
        text = page.body.decode()
        self.assertNotRegex(text, r"""(?i)<style|\sstyle=|\son\w+=|<script(?! src=)""", "the policy forbids it")
        self.assertNotRegex(text, r"""(?:src|href)="(?:https?:)?//""", "it needs another server")
        for path in re.findall(r'(?:src|href)="(/api/docs/[^"]+)"', text):
            asset = client.request("GET", path)
            self.assertEqual(asset.status, 200, path)
            self.assertNotRegex(asset.body.decode(), r"@import|url\(['\"]?(?:https?:)?//", path)
        document = client.request("GET", "/api/openapi.json").json
        wanted = {f'id="{operation["operationId"]}"' for item in document["paths"].values()
                  for operation in item.values() if "operationId" in operation}
        wanted |= {f'id="schema-{name}"' for name in document["components"]["schemas"]}
        self.assertEqual([one for one in wanted if text.count(one) != 1], [])
        targets = set(re.findall(r'id="([^"]+)"', text))
        self.assertEqual([name for name in re.findall(r'href="#([^"]+)"', text) if name not in targets], [])
        again = client.request("GET", "/api/docs", headers={"If-None-Match": page.headers["ETag"]})
        self.assertEqual((again.status, again.body), (304, b""))
        problem(self, client.request("GET", "/api/docs/no-such.js"), 404)

    def test_metrics(self):
        self.admin.expect(200, "GET", "/auth/me")
        self.admin.expect(404, "GET", "/sessions/nobody-x-00000000")
        answer = self.server.anonymous().request("GET", "/metrics")
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        text = answer.body.decode()
        samples, types, last = {}, {}, None
        for line in text.splitlines():
            kind = re.match(r"^# (HELP|TYPE) ([a-z_][a-z0-9_]*) (.+)$", line)
            if kind:
                if kind.group(1) == "TYPE":
                    self.assertNotIn(kind.group(2), types, "a name is described twice")
                    types[kind.group(2)] = kind.group(3)
                    last = kind.group(2)
                continue
            sample = re.match(r'^([a-z_][a-z0-9_]*)(\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})? (\S+)$', line)
            self.assertTrue(sample, line)
            self.assertTrue(sample.group(1).startswith(last), f"{line} does not stand below its TYPE")
            self.assertNotIn((sample.group(1), sample.group(2)), samples, line)
            samples[sample.group(1), sample.group(2)] = float(sample.group(3))
        requests = "streamspace_http_requests_total"
        self.assertGreaterEqual(samples[requests, '{method="GET",route="/api/v1/auth/me",code="2xx"}'], 1)
        self.assertGreaterEqual(samples[requests, '{method="GET",route="/api/v1/sessions/{name}",code="4xx"}'], 1)
        self.assertNotIn("nobody-x-00000000", text)
        for name in ("streamspace_orphans", "streamspace_stuck", "streamspace_streams", "process_open_fds"):
            self.assertIn((name, None), samples)
        self.assertEqual((samples["streamspace_orphans", None], samples["streamspace_stuck", None]), (0, 0))
        self.assertGreater(samples["streamspace_db_statements_total", None], 0)
        self.assertGreater(samples["process_resident_memory_bytes", None], 1e6)
        if subprocess.run(["sh", "-c", "command -v promtool"], capture_output=True).returncode == 0:
            check = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
            self.assertEqual(check.returncode, 0, check.stdout + check.stderr)

    def test_dashboard(self):
        board = self.admin.expect(200, "GET", "/dashboard")
        self.assertEqual((board["orphans"], board["stuck"], board["streams"]), (0, 0, 0))
        self.assertEqual(board["agents"], {"total": 0, "online": 0})


class Secrets(unittest.TestCase):
    """What the server logs, at its most talkative, holds no secret of anybody's."""

    def test_no_secret_reaches_the_log_or_the_command_list(self):
        jwt_secret = "jwt-secret-" + "s" * 32
        server = Server(arguments=["--log-level=debug"], env={"JWT_SECRET": jwt_secret})
        self.addCleanup(server.close)
        secrets = {"admin password": PASSWORD, "bootstrap key": BOOTSTRAP_KEY, "JWT_SECRET": jwt_secret}
        anonymous = server.anonymous()
        answer = anonymous.api("POST", "/auth/login", {"username": "admin", "password": PASSWORD})
        secrets |= {"access token": answer.json["token"], "refresh token": answer.json["refreshToken"]}
        secrets |= {f"cookie {name}": value for name, value in cookies_of(answer).items()}
        admin = server.client()
        secrets["second token"] = admin.token
        for field, value in (("username", "typed-password-as-name"), ("password", "wrong-password-typed")):
            body = {"username": "admin", "password": "wrong wrong", field: value}
            secrets[f"typed {field}"] = value
            anonymous.api("POST", "/auth/login", body)
        admin.expect(201, "POST", "/users", {"username": "newcomer", "password": "newcomers-password-1"})
        secrets["new user's password"] = "newcomers-password-1"
        robot = RobotAgent(server)
        self.addCleanup(robot.close)
        secrets["agent key"] = robot.key
        secrets["enrolment token"] = admin.expect(201, "POST", "/admin/agent-tokens", {})["token"]
        name = admin.create(env={"API_KEY": "value-of-a-secret-variable"})
        secrets["environment"] = "value-of-a-secret-variable"
        admin.wait_state(name, "running")
        secrets["display token"] = robot.commands[0]["payload"]["displayToken"]
        ticket = admin.ticket(name)
        secrets["ticket"] = ticket["ticket"]
        stream = admin.stream(name)
        stream.send(b"x")
        stream.read(1)
        anonymous.request("GET", ticket["url"] + "0")  # a wrong one, in the query
        anonymous.request("GET", ticket["url"])
        secrets["stream token"] = robot.streams[0][0]["token"]
        stream.close()
        listed = admin.api("GET", "/commands").body.decode()
        admin.expect(202, "DELETE", f"/sessions/{name}")
        admin.wait_state(name, "terminated")
        server.stop()
        self.assertIn("/api/v1/auth/login", server.output, "requests are logged")
        for label, secret in secrets.items():
            self.assertNotIn(secret, server.output, f"the log holds the {label}")
        for label in ("environment", "display token"):
            self.assertNotIn(secrets[label], listed, f"the command list holds the {label}")
        for base, _, names in os.walk(server.data_dir):
            for file in names:
                with open(os.path.join(base, file), "rb") as opened:
                    data = opened.read()
                for label in ("admin password", "access token", "refresh token", "cookie streamspace_session",
                              "new user's password", "agent key", "enrolment token", "ticket", "typed username",
                              "typed password"):
                    self.assertNotIn(secrets[label].encode(), data, f"{file} holds the {label}")


class Document(unittest.TestCase):
    def test_our_reader_of_yaml_agrees_with_a_full_one(self):
        """Where a full reader is at hand (PyYAML, or js-yaml in the page's packages)."""
        import json
        import sys
        sys.path.insert(0, os.path.join(ROOT, "tools"))
        self.addCleanup(sys.path.remove, os.path.join(ROOT, "tools"))
        import yaml2json
        with open(os.path.join(ROOT, "api/openapi.yaml"), encoding="utf-8") as file:
            text = file.read()
        ours = yaml2json.load(text)
        try:
            import yaml
            theirs = yaml.safe_load(text)
        except ImportError:
            script = ("const y=require('js-yaml');process.stdout.write(JSON.stringify(y.load("
                      "require('fs').readFileSync(0,'utf8'))))")
            result = subprocess.run(["node", "-e", script], input=text, text=True, capture_output=True,
                                    cwd=os.path.join(ROOT, "ui"))
            if result.returncode:
                self.skipTest("neither PyYAML nor js-yaml is installed")
            theirs = json.loads(result.stdout)
        self.assertEqual(ours, theirs)

    def test_what_is_not_plain_is_refused(self):
        import sys
        sys.path.insert(0, os.path.join(ROOT, "tools"))
        self.addCleanup(sys.path.remove, os.path.join(ROOT, "tools"))
        import yaml2json
        for text in ("a: &x 1\n", "a: *x\n", "a: !!str 1\n", "a: 1\na: 2\n", "a:\n\tb: 1\n", "a: [1, 2\n", "a: 'x\n",
                     "a: {b: 1\n", "  a: 1\n b: 2\n", "a: 1\n  b: 2\n", "- a\nb: 1\n"):
            with self.assertRaises((yaml2json.YamlError, ValueError), msg=text):
                yaml2json.load(text)


if __name__ == "__main__":
    unittest.main()
