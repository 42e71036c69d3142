"""The table of settings: what comes before what, bad values, changes that take effect at once, and the docs."""
import os
import re
import subprocess
import tempfile
import unittest

from apitest import ApiTest, problem
from streamspace import ENGINE, PASSWORD, PROGRAM, ROOT, Server, wait_for


def settings_of(client):
    return {row["name"]: row for row in client.expect(200, "GET", "/settings")["settings"]}


class Changes(ApiTest):
    ARGUMENTS = ("--session-start-attempts=4",)

    def test_every_row_is_whole(self):
        rows = settings_of(self.admin)
        self.assertGreater(len(rows), 15)
        for name, row in rows.items():
            self.assertRegex(name, "^[a-z][a-z0-9-]*$")
            self.assertIn(row["source"], ("flag", "variable", "file", "database", "default"))
            self.assertIn(row["type"], ("text", "integer", "boolean", "choice", "duration", "quantity"))
            self.assertTrue(row["description"] and row["group"], row)
            self.assertEqual(bool(row["choices"]), row["type"] == "choice", row)
            if row["type"] in ("integer", "duration", "quantity"):
                self.assertIsNotNone(row["min"], row)
                self.assertIsNotNone(row["max"], row)
            if row["source"] == "default":
                self.assertEqual(row["value"], row["default"], row)
        self.assertEqual((rows["listen"]["source"], rows["listen"]["editable"]), ("flag", False))

    def test_secrets_are_not_shown(self):
        rows = settings_of(self.admin)
        password = rows["admin-password"]
        self.assertEqual((password["value"], password["set"], password["source"]), (None, True, "variable"))
        self.assertEqual((rows["jwt-secret"]["value"], rows["jwt-secret"]["set"]), (None, False))
        self.assertNotIn(PASSWORD, self.admin.api("GET", "/settings").body.decode())

    def test_a_change_and_back(self):
        self.assertEqual(settings_of(self.admin)["session-stop-deadline"]["value"], "1m")
        self.admin.expect(200, "PATCH", "/settings", {"session-stop-deadline": "90s", "history-days": 7})
        rows = settings_of(self.admin)
        self.assertEqual((rows["session-stop-deadline"]["value"], rows["session-stop-deadline"]["source"]),
                         ("90s", "database"))
        self.assertEqual(rows["history-days"]["value"], 7)
        entries = self.admin.expect(200, "GET", "/audit?action=setting.update&target=session-stop-deadline")["entries"]
        self.assertEqual((entries[0]["user"], entries[0]["outcome"]), ("admin", "allowed"))
        self.assertIn("90s", entries[0]["detail"])
        self.admin.expect(200, "PATCH", "/settings", {"session-stop-deadline": None, "history-days": None})
        rows = settings_of(self.admin)
        self.assertEqual((rows["session-stop-deadline"]["value"], rows["session-stop-deadline"]["source"]),
                         ("1m", "default"))

    def test_what_is_refused(self):
        for body, status, code, field in (
                ({"no-such": 1}, 400, "unknown_field", "no-such"),
                ({"history-days": 0}, 400, "invalid_field", "history-days"),
                ({"history-days": "many"}, 400, "invalid_field", "history-days"),
                ({"history-days": 1.5}, 400, "invalid_field", "history-days"),
                ({"session-stop-deadline": "2h"}, 400, "invalid_field", "session-stop-deadline"),
                ({"share-links": "maybe"}, 400, "invalid_field", "share-links"),
                ({"listen": "0.0.0.0:1"}, 400, "setting_not_stored", "listen"),
                ({"admin-password": "x" * 20}, 400, "setting_not_stored", "admin-password"),
                ({"session-start-attempts": 5}, 409, "setting_pinned", "session-start-attempts")):
            problem(self, self.admin.api("PATCH", "/settings", body), status, code, field)
        problem(self, self.admin.api("PATCH", "/settings", {}), 400, "missing_field")
        problem(self, self.admin.api("PATCH", "/settings", [1]), 400, "malformed_json")

    def test_all_or_none(self):
        before = settings_of(self.admin)["audit-days"]
        problem(self, self.admin.api("PATCH", "/settings", {"audit-days": 10, "session-start-attempts": 5}), 409)
        self.assertEqual(settings_of(self.admin)["audit-days"], before)

    def test_the_log_level_changes_at_once(self):
        server = Server(env={"STREAMSPACE_LOG_FORMAT": "json"})
        self.addCleanup(server.close)
        admin = server.client()
        admin.api("GET", "/auth/me?first=1")
        admin.expect(200, "PATCH", "/settings", {"log-level": "debug"})

        def seen():
            admin.expect(200, "GET", "/version")
            return '"path":"/api/v1/version"' in server.output
        wait_for("the level takes effect", seen)
        self.assertEqual(settings_of(admin)["log-format"]["source"], "variable")
        server.restart()
        self.assertEqual(settings_of(server.client())["log-level"]["value"], "debug", "it outlives the process")


    def test_limits_of_sign_ins_change_at_once(self):
        server = Server(arguments=["--login-pause=1h"])
        self.addCleanup(server.close)
        admin, client = server.client(), server.anonymous()
        body = {"username": "nobody-here", "password": "x" * 12}
        admin.expect(200, "PATCH", "/settings", {"login-attempts": 3})
        wait_for("three and no more", lambda: client.api("POST", "/auth/login", body).status == 429)
        tries = len(admin.expect(200, "GET", "/audit?action=login.create&outcome=refused&limit=200")["entries"])
        self.assertTrue(3 <= tries <= 5, tries)

    @unittest.skipUnless(ENGINE == "postgres", "several replicas need PostgreSQL")
    def test_other_replicas_follow(self):
        first = Server()
        self.addCleanup(first.close)
        with tempfile.TemporaryDirectory() as place:
            second = Server(data_dir=place, env=first.data.env)
            try:
                first.client().expect(200, "PATCH", "/settings", {"log-level": "debug"})
                other = second.client()

                def seen():
                    other.expect(200, "GET", "/version")
                    return "/api/v1/version" in second.output
                wait_for("the other server follows", seen, 5)
                self.assertEqual(settings_of(other)["log-level"]["value"], "debug")
            finally:
                second.stop()


class Precedence(unittest.TestCase):
    """flag > variable > file > database > default, one taken away after the other."""

    def test_each_comes_before_the_next(self):
        with tempfile.TemporaryDirectory() as place:
            config = os.path.join(place, "streamspace.yaml")
            with open(config, "w", encoding="utf-8") as file:
                file.write("# comment\nhistory-days: 13\nsession-start-attempts: \"5\"\nlabel: [a=b, c=d]\nregion: north\n")
            first = Server()
            self.addCleanup(first.close)
            first.client().expect(200, "PATCH", "/settings", {"history-days": 14})
            data = first.data_dir
            for arguments, variable, expected in (
                    (["--history-days=11", f"--config={config}"], "12", (11, "flag")),
                    ([f"--config={config}"], "12", (12, "variable")),
                    (["--config", config], None, (13, "file")),
                    ([], None, (14, "database"))):
                first.stop()
                env = {"STREAMSPACE_HISTORY_DAYS": variable} if variable else {}
                server = Server(data_dir=data, arguments=arguments, env=env)
                row = settings_of(server.client())["history-days"]
                self.assertEqual((row["value"], row["source"]), expected)
                self.assertEqual(row["editable"], expected[1] == "database")
                server.stop()
            server = Server(data_dir=data)
            self.addCleanup(server.close)
            server.client().expect(200, "PATCH", "/settings", {"history-days": None})
            row = settings_of(server.client())["history-days"]
            self.assertEqual((row["value"], row["source"]), (30, "default"))


class ConfigFile(unittest.TestCase):
    def run_with(self, text, *arguments, env=None):
        with tempfile.TemporaryDirectory() as place, open(os.path.join(place, "x.conf"), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            result = subprocess.run([PROGRAM, "server", "--config", file.name, f"--data-dir={place}/data", *arguments], capture_output=True, text=True,
                                    timeout=30, env={**os.environ, **(env or {})}, check=False)
            return result.returncode, result.stderr.replace(file.name, "FILE")

    def test_mistakes_are_named_with_their_line(self):
        for text, message in (
                ("listen: 127.0.0.1:0\nlisten-on: 1\n", "FILE:2: there is no setting 'listen-on'"),
                ("listen = 127.0.0.1:0\n\n# x\nhistory-days = 0\n",
                 "FILE:4: history-days: must be a whole number from 1 to 3650"),
                ("listen = a\nwhat is this\n", "FILE:2: `name = value` is expected here"),
                ("listen: a\nlisten: b\n", "FILE:2: this name stands here a second time"),
                ("listen = a\nlisten = b\n", "FILE:2: this name stands here a second time"),
                ("listen:\n  address: 1\n", "FILE:2: a text, a number or a list of them is expected as value"),
                ("- listen\n", "FILE:1: `name: value` is expected here"),
                ("listen: &a b\n", "FILE:1: a text, a number or a list of them is expected as value"),
                ("listen: *a\n", "FILE:1: a text, a number or a list of them is expected as value"),
                ("listen: 'a\n", "FILE:"),
                ("log-level: loud\n", "FILE:1: log-level: must be one of debug|info|warn|error"),
                ("config: other\n", "FILE:1: there is no setting 'config'")):
            status, errors = self.run_with(text)
            self.assertEqual(status, 2, (text, errors))
            self.assertIn(message, errors, text)

    def test_a_file_that_is_not_there(self):
        result = subprocess.run([PROGRAM, "server", "--config=/no/such/file", "--data-dir=/no/such"], capture_output=True, text=True, timeout=30,
                                check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("/no/such/file", result.stderr)

    def test_other_sources_are_named(self):
        for arguments, env, message in ((["--threads=x"], {}, "--threads: must be a whole number from 0 to 256"),
                                        ([], {"STREAMSPACE_THREADS": "-1"}, "STREAMSPACE_THREADS: must be a whole"),
                                        (["--public-url=ftp://x"], {}, "--public-url: must be a URL"),
                                        (["--no-such=1"], {}, "unknown option --no-such"),
                                        (["--admin-password=x"], {}, "unknown option --admin-password")):
            status, errors = self.run_with("", *arguments, env=env)
            self.assertEqual(status, 2)
            self.assertIn(message, errors)


class Documents(unittest.TestCase):
    """docs/settings.md and the manual page are what the program prints (tools/settings-docs.py writes them)."""

    def test_they_are_in_step(self):
        result = subprocess.run(["python3", os.path.join(ROOT, "tools/settings-docs.py"), "--check", PROGRAM],
                                capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_help_has_every_setting(self):
        helps = {role: subprocess.run([PROGRAM, role, "--help"], capture_output=True, text=True, timeout=30,
                                      check=True).stdout for role in ("server", "up", "agent")}
        with open(os.path.join(ROOT, "docs/settings.md"), encoding="utf-8") as file:
            names = re.findall(r"^\| `([a-z-]+)`( \(secret\))?", file.read(), re.M)
        self.assertGreater(len(names), 15)
        for name, secret in names:
            self.assertTrue(secret or f"  --{name} " in helps["server"] or f"  --{name}\n" in helps["server"], name)
        self.assertNotIn("--advertise", helps["up"])
        self.assertIn("--agent-id", helps["up"])
        self.assertIn("--config", helps["agent"])


if __name__ == "__main__":
    unittest.main()
