"""The command line against a real server and an agent that runs nothing."""
import json
import os
import re
import stat
import subprocess
import unittest

import totp
from streamspace import PASSWORD, PROGRAM, Agent, Place, Server


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.client = cls.server.client()
        cls.agent = Agent(cls.server, "cli-agent").wait_online(cls.client)
        cls.place = Place()

    @classmethod
    def tearDownClass(cls):
        cls.agent.close()
        cls.server.close()
        cls.place.close()

    def run_cli(self, *words, input_text="", env=None):
        environ = {"PATH": os.environ["PATH"], "HOME": self.place.path, "XDG_CONFIG_HOME": self.place.path + "/config"}
        return subprocess.run([PROGRAM, *words], input=input_text, text=True, capture_output=True, timeout=60,
                              env={**environ, **(env or {})})

    def good(self, *words, **extra):
        result = self.run_cli(*words, **extra)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def sign_in(self):
        self.good("login", self.server.url + "/", "--password-stdin", input_text=PASSWORD + "\n")

    def test_help_and_version_everywhere(self):
        self.assertRegex(self.good("--version"), r"^streamspace \d+\.\d+\.\d+\n$")
        for words in ([], ["up"], ["server"], ["agent"], ["display"], ["login"], ["logout"], ["session"], ["template"], ["apply"],
                      ["share"], ["group"], ["quota"], ["command"], ["user"], ["api-key"], ["passwd"], ["mfa"],
                      ["server", "keys"], ["settings"], ["audit"], ["completion"]):
            self.assertIn("usage:", self.good(*words, "--help"))

    def test_wrong_usage_is_status_2_and_says_what(self):
        for words, text in ((["nonsense"], "there is no command 'nonsense'"), (["session", "fly"], "no verb 'fly'"),
                            (["session", "show"], "usage: show NAME"), (["login"], "say which server"),
                            (["server", "--listne", "x"], "unknown option --listne"),
                            (["session", "list", "--output", "xml"], "one of table|json")):
            result = self.run_cli(*words)
            self.assertEqual(result.returncode, 2, words)
            self.assertIn(text, result.stderr)

    def write(self, name, text):
        path = os.path.join(self.place.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    @staticmethod
    def template_file(name, title="A title", more=""):
        return ("apiVersion: stream.space/v1alpha1\nkind: Template\nmetadata:\n  name: " + name +
                f"\nspec:\n  displayName: {title}\n  command: [xterm]\n{more}")

    def test_apply(self):
        self.sign_in()
        one = self.write("apply/one.yaml", self.template_file("cli-one"))
        self.write("apply/two.yml", self.template_file("cli-two") + "---\n" + self.template_file("cli-three"))
        self.write("apply/notes.txt", "not taken")
        self.assertEqual(self.good("apply", "-f", one, "--dry-run"), "template/cli-one created (dry run)\n")
        self.assertEqual(self.good("apply", "-f", self.place.path + "/apply"),
                         "template/cli-one created\ntemplate/cli-two created\ntemplate/cli-three created\n")
        self.assertEqual(self.good("apply", "-f-", input_text=self.template_file("cli-one", "Other")),
                         "template/cli-one updated\n")
        bad = self.write("bad/bad.yaml", self.template_file("cli-bad", more="  vnc: {port: x}\n  colour: red\n"))
        self.write("bad/good.yaml", self.template_file("cli-good"))
        result = self.run_cli("apply", "-f", self.place.path + "/bad")
        self.assertEqual((result.returncode, result.stdout), (1, "template/cli-good created\n"))
        self.assertEqual(result.stderr, f"{bad}:8:15: spec.vnc.port: must be a whole number from 1 to 65535\n"
                         f"{bad}:9:3: spec.colour: is not known here\n"
                         "streamspace: 1 of 2 files were not applied\n")
        for words, text in (([], "say which file"), (["x.yaml"], "given by -f"), (["-f"], "filename")):
            result = self.run_cli("apply", *words)
            self.assertEqual(result.returncode, 2)
            self.assertIn(text, result.stderr)
        self.assertIn("no-such.yaml", self.run_cli("apply", "-f", "/no-such.yaml").stderr)

    def test_templates_are_edited(self):
        self.sign_in()
        path = self.write("new.yaml", self.template_file("cli-new"))
        self.assertEqual(self.good("template", "create", path, "--dry-run"), "cli-new would be created.\n")
        self.assertEqual(self.good("template", "create", path), "cli-new is created.\n")
        self.assertIn("there is a template cli-new", self.run_cli("template", "create", path).stderr)
        editor = {"EDITOR": "sed -i s/A.title/Changed/"}
        self.assertEqual(self.good("template", "edit", "cli-new", env=editor), "cli-new is changed.\n")
        self.assertIn("displayName: Changed", self.good("template", "export", "cli-new"))
        self.assertEqual(self.good("template", "edit", "cli-new", env=editor), "Nothing is changed.\n")
        result = self.run_cli("template", "edit", "cli-new", env={"EDITOR": "sed -i s/command/comand/",
                                                                  "TMPDIR": self.place.path})
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"streamspace-cli-new-\w+\.yaml:\d+:\d+: spec\.comand: is not known here; is command meant\?")
        self.assertIn("your text stays in " + self.place.path, result.stderr)
        self.assertIn("failed; nothing is changed", self.run_cli("template", "edit", "cli-new", env={"EDITOR": "false"}).stderr)
        everything = self.good("template", "export")
        self.assertIn("unchanged", self.good("apply", "-f", "-", input_text=everything))
        self.assertEqual(self.good("template", "delete", "cli-new"), "cli-new is deleted.\n")
        self.good("apply", "-f", "-", input_text=self.template_file("krita"))
        self.assertIn("Overridden     yes", self.good("template", "show", "krita"))
        self.assertEqual(self.good("template", "delete", "krita"), "krita is as it was delivered.\n")
        self.assertIn("cli-agent", self.good("template", "show", "krita"))

    def test_without_a_sign_in(self):
        result = self.run_cli("session", "list", env={"XDG_CONFIG_HOME": self.place.path + "/nobody"})
        self.assertEqual(result.returncode, 1)
        self.assertIn("streamspace login", result.stderr)

    def test_a_wrong_password(self):
        result = self.run_cli("login", self.server.url, "--password-stdin", input_text="wrong\n")
        self.assertEqual(result.returncode, 1)
        self.assertNotIn("wrong\n", result.stderr)

    def test_a_server_that_is_not_there(self):
        result = self.run_cli("login", "http://127.0.0.1:1", "--password-stdin", input_text="x\n")
        self.assertEqual(result.returncode, 1)
        self.assertIn("127.0.0.1:1", result.stderr)

    def test_credentials_are_for_the_owner_alone(self):
        self.sign_in()
        path = self.place.path + "/config/streamspace/credentials.json"
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700)
        self.assertNotIn(PASSWORD, open(path, encoding="utf-8").read())

    def test_users(self):
        self.sign_in()
        self.assertRegex(self.good("user", "create", "cli-grace", "--role", "operator", "--email", "g@example.org",
                                   input_text=PASSWORD + "\n"), r"(?m)^Role +operator")
        self.assertRegex(self.good("user", "list", "--search", "GRACE"), r"(?m)^cli-grace +operator +")
        self.assertEqual(self.good("user", "list", "--search", "nobody-at-all"), "No users.\n")
        self.good("user", "set", "cli-grace", "--role", "user", "--full-name", "Grace")
        row = json.loads(self.good("user", "show", "cli-grace", "--output", "json"))
        self.assertEqual((row["role"], row["fullName"], row["email"]), ("user", "Grace", "g@example.org"))
        self.assertIn("may not sign in", self.good("user", "deactivate", "cli-grace"))
        self.assertIn("403", str(self.server.anonymous().api("POST", "/auth/login", {
            "username": "cli-grace", "password": PASSWORD}).status))
        self.good("user", "activate", "cli-grace")
        self.good("user", "reset-password", "cli-grace", input_text="another good long one\n")
        self.server.client("cli-grace", "another good long one")
        for words, text in ((["user", "create", "Bad Name"], "can be no username"),
                            (["user", "reset-password", "cli-grace"], "nothing was given"),
                            (["user", "reset-mfa", "cli-grace"], "uses no one-time codes"),
                            (["user", "deactivate", "admin"], "only active administrator")):
            result = self.run_cli(*words)
            self.assertEqual(result.returncode, 1, words)
            self.assertIn(text, result.stderr)
        self.assertIn("is removed", self.good("user", "delete", "cli-grace"))
        self.assertEqual(self.run_cli("user", "show", "cli-grace").returncode, 1)

    def test_api_keys(self):
        self.sign_in()
        key = self.good("api-key", "create", "ci", "--scope", "users:read", "--scope", "sessions:write", "--for", "720h").strip()
        self.assertRegex(key, "^ss_[0-9a-f]{64}$")
        row = json.loads(self.good("api-key", "list", "--output", "json"))[-1]
        self.assertEqual((row["name"], row["scopes"]), ("ci", ["sessions:write", "users:read"]))
        self.assertIn(key[:11], self.good("api-key", "list"))
        environ = {"STREAMSPACE_URL": self.server.url, "STREAMSPACE_TOKEN": key}
        self.assertIn("admin", self.good("user", "list", env=environ))
        self.assertIn("lacks the scope agents:read", self.run_cli("agent", "list", env=environ).stderr)
        # Or kept, as a sign-in is.
        home = {"XDG_CONFIG_HOME": self.place.path + "/by-key"}
        self.assertIn("as admin", self.good("login", self.server.url, "--api-key", "-", input_text=key + "\n", env=home))
        self.assertIn("admin", self.good("user", "list", env=home))
        self.assertEqual(self.run_cli("login", self.server.url, "--api-key", key[:-1] + "x", env=home).returncode, 1)
        self.good("logout", env=home)
        self.assertEqual(self.run_cli("user", "list", env=home).returncode, 1)
        self.good("user", "list", env=environ)
        self.good("api-key", "delete", str(row["id"]))
        self.assertEqual(self.run_cli("user", "list", env=environ).returncode, 1)
        self.assertEqual(self.run_cli("api-key", "create", "x", "--scope", "nothing:read").returncode, 1)
        self.assertEqual(self.run_cli("api-key", "delete", "x").returncode, 1)

    def test_password_and_codes(self):
        home = {"XDG_CONFIG_HOME": self.place.path + "/own"}
        other = "another good long one"
        self.client.expect(201, "POST", "/users", {"username": "cli-own", "password": PASSWORD})
        words = ["login", self.server.url, "--username", "cli-own"]
        self.good(*words, input_text=PASSWORD + "\n", env=home)
        self.assertIn("not the present password", self.run_cli("passwd", input_text="wrong wrong wrong\n" + other + "\n", env=home).stderr)
        self.assertIn("is changed", self.good("passwd", input_text=f"{PASSWORD}\n{other}\n", env=home))
        self.assertIn("cli-own", self.good("user", "show", "me", env=home))
        totp.settle(12)
        # The secret is shown before the code is asked for: as a person would, read it and then answer.
        with subprocess.Popen([PROGRAM, "mfa", "enable"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, env={"PATH": os.environ["PATH"], "HOME": self.place.path, **home}) as child:
            child.stdin.write(other + "\n")
            child.stdin.flush()
            child.stderr.readline()
            secret = child.stderr.readline().strip()
            codes, errors = child.communicate(totp.code(secret, -1) + "\n", timeout=30)
        self.assertEqual(child.returncode, 0, errors)
        codes = codes.split()
        self.assertEqual(len(codes), 10)
        self.assertIn("One-time code: nothing was given", self.run_cli(*words, input_text=other + "\n", env=home).stderr)
        self.good(*words, "--password-stdin", input_text=f"{other}\n{totp.code(secret)}\n", env=home)
        self.good(*words, "--password-stdin", "--otp", codes[0], input_text=other + "\n", env=home)
        fresh = self.good("mfa", "codes", input_text=codes[1] + "\n", env=home).split()
        self.assertIn("no code", self.good("mfa", "disable", input_text=fresh[0] + "\n", env=home).lower())
        self.good(*words, input_text=other + "\n", env=home)

    def test_signing_keys(self):
        self.sign_in()
        said = self.good("server", "key-rotate")
        self.assertIn(json.loads(self.good("server", "keys", "--output", "json"))[0]["kid"], said)
        self.good("user", "list")

    def test_settings(self):
        self.sign_in()
        self.assertRegex(self.good("settings", "list"), r"(?m)^history-days +30 +default")
        self.assertIn("45", self.good("settings", "set", "history-days", "45"))
        row = json.loads(self.good("settings", "get", "history-days", "--output", "json"))
        self.assertEqual((row["value"], row["source"]), (45, "database"))
        result = self.run_cli("settings", "set", "history-days", "0")
        self.assertEqual(result.returncode, 1)
        self.assertIn("history-days: must be a whole number from 1 to 3650", result.stderr)
        self.assertEqual(self.run_cli("settings", "get", "no-such").returncode, 1)
        self.good("settings", "reset", "history-days")
        self.assertEqual(json.loads(self.good("settings", "get", "history-days", "--output", "json"))["source"], "default")

    def test_audit(self):
        self.sign_in()
        self.assertRegex(self.good("audit", "list", "--action", "login.create"), r"admin +login\.create +admin +allowed")
        self.assertIn("Nothing", self.good("audit", "list", "--user", "nobody-at-all"))
        self.assertTrue(self.good("audit", "export", "--action", "login").startswith("id,time,user,action,"))
        path = self.place.path + "/audit.json"
        self.good("audit", "export", "--format", "json", "--file", path)
        with open(path, encoding="utf-8") as file:
            self.assertTrue(json.load(file)["entries"])
        self.assertEqual(self.run_cli("audit", "export", "--file", path).returncode, 1, "nothing is overwritten")
        result = self.run_cli("audit", "list", "--outcome", "maybe")
        self.assertIn("must be allowed, refused or failed", result.stderr)

    def test_a_session_from_create_to_stop(self):
        self.sign_in()
        name, url = self.good("session", "create", "terminal", "--tag", "cli", "--env", "A=b=c", "--memory", "300Mi").split()
        self.assertEqual(url, f"{self.server.url}/sessions/{name}")
        shown = json.loads(self.good("session", "show", name, "--output", "json"))
        self.assertEqual((shown["state"], shown["tags"], shown["resources"]["memory"]), ("running", ["cli"], "300Mi"))
        self.assertRegex(self.good("session", "list"), rf"(?m)^{name} +terminal +admin +running +cli-agent")
        self.assertIn(name, [row["name"] for row in json.loads(self.good("session", "list", "--output", "json"))])
        self.assertIn("running", self.good("session", "show", name))
        self.assertIn(url, self.good("session", "open", name))
        self.good("session", "logs", name)
        self.assertIn("has ended", self.good("session", "stop", name))
        self.assertEqual(self.run_cli("session", "stop", name).returncode, 1)
        self.assertNotIn(name, self.good("session", "list"))
        self.assertIn(name, self.good("session", "list", "--state", "terminated"))
        commands = json.loads(self.good("command", "list", "--session", name, "--output", "json"))
        self.assertEqual({row["action"] for row in commands}, {"start_session", "stop_session"})
        self.assertIn("completed", self.good("command", "show", commands[0]["commandId"]))

    def test_a_session_is_changed_and_found(self):
        self.sign_in()
        name = self.good("session", "create", "terminal", "--tag", "before", "--memory", "256Mi").split()[0]
        shown = json.loads(self.good("session", "set", name, "--memory", "300Mi", "--cpu", "150m", "--tag", "after", "--tag",
                                     "big", "--max-duration", "8h", "--idle-timeout", "30m", "--output", "json"))
        self.assertEqual((shown["resources"], shown["tags"], shown["maxSessionDuration"], shown["idleTimeout"]),
                         ({"cpu": "150m", "memory": "300Mi"}, ["after", "big"], "8h", "30m"))
        self.assertRegex(self.good("session", "set", name, "--max-duration", "none", "--no-tags"), r"(?m)^Longest +-$")
        self.good("session", "set", name, "--tag", "found")
        for words in (["--tag", "found"], ["--search", name[-8:].upper()], ["--agent", "cli-agent", "--search", "found"],
                      ["--template", "terminal", "--tag", "found"]):
            self.assertIn(name, self.good("session", "list", *words), words)
        for words in (["--tag", "before"], ["--template", "gimp"], ["--agent", "another"], ["--search", "nothing like it"]):
            self.assertNotIn(name, self.good("session", "list", *words), words)
        for words, text in (([], "say what to change"), (["--cpu", "lots"], "cpu"), (["--memory", "1Ki"], "memory")):
            result = self.run_cli("session", "set", name, *words)
            self.assertEqual(result.returncode, 1, words)
            self.assertIn(text, result.stderr)
        self.good("session", "stop", name)
        self.assertIn("has ended", self.run_cli("session", "set", name, "--tag", "late").stderr)

    def test_what_cannot_be_created(self):
        self.sign_in()
        result = self.run_cli("session", "create", "no-such-template")
        self.assertEqual(result.returncode, 1)
        self.assertIn("no-such-template", result.stderr)
        self.assertEqual(self.run_cli("session", "create", "terminal", "--memory", "much").returncode, 1)

    def test_templates_and_agents(self):
        self.sign_in()
        self.assertRegex(self.good("template", "list"), r"(?m)^terminal +")
        self.assertIn("terminal", self.good("template", "show", "terminal"))
        self.assertRegex(self.good("agent", "list"), r"(?m)^cli-agent +online +")
        self.assertIn("streamspace agent --agent-id another", self.good("agent", "enrol", "another"))
        token = re.search(r"(?m)^([0-9a-f]{16}) +another +admin ", self.good("agent", "tokens")).group(1)
        self.good("agent", "revoke", token)
        self.assertNotIn(token, self.good("agent", "tokens"))
        self.assertIn("draining", self.good("agent", "drain", "cli-agent"))
        self.assertIn("online", self.good("agent", "resume", "cli-agent"))
        self.assertRegex(self.good("agent", "label", "cli-agent", "disk=ssd", "rack=a=7"), r"(?m)^Label +rack=a=7$")
        self.assertNotIn("disk=ssd", self.good("agent", "label", "cli-agent", "--own"))
        for words, text in ((("agent", "delete", "cli-agent"), "is connected"), (("agent", "label", "cli-agent", "x"), "NAME=VALUE"),
                            (("agent", "revoke", "x"), "no token's id"), (("agent", "drain", "nobody"), "no such agent")):
            result = self.run_cli(*words)
            self.assertEqual(result.returncode, 1, words)
            self.assertIn(text, result.stderr)

    def test_groups_and_quotas(self):
        self.sign_in()
        self.client.expect(201, "POST", "/users", {"username": "ida", "password": PASSWORD})
        self.assertIn("Ground crew", self.good("group", "create", "crew", "--display-name", "Ground crew"))
        self.assertIn("manager of crew", self.good("group", "add", "crew", "ida", "--role", "manager"))
        self.assertRegex(self.good("group", "members", "crew"), r"(?m)^ida +- +manager +")
        self.assertIn("member of crew", self.good("group", "role", "crew", "ida", "--role", "member"))
        self.assertIn("who fly", self.good("group", "set", "crew", "--description", "who fly"))
        self.assertRegex(self.good("group", "list"), r"(?m)^crew +Ground crew +1 +who fly$")
        self.assertRegex(self.good("quota", "set", "--group", "crew", "--cpu", "4", "--sessions", "7"), r"(?m)^cpu +4 +0$")
        self.assertRegex(self.good("quota", "set", "--group", "crew", "--cpu", "none"), r"(?m)^cpu +- +0$")
        self.assertRegex(self.good("quota", "show", "--group", "crew"), r"(?m)^sessions +7 +0$")
        self.assertEqual(json.loads(self.good("quota", "set", "ida", "--memory", "2Gi", "--output", "json"))["maxMemory"],
                         "2Gi")
        self.good("quota", "clear", "ida")
        self.assertRegex(self.good("quota", "show"), r"(?m)^memory +- +")
        self.good("group", "remove", "crew", "ida")
        self.good("group", "delete", "crew")
        self.assertEqual(self.good("group", "list"), "No groups.\n")
        for words, text in ((("quota", "set", "ida"), "--sessions"), (("quota", "set", "ida", "--cpu", "lots"), "maxCpu"),
                            (("quota", "show", "ida", "--group", "crew"), "not both"), (("group", "show", "crew"), "no such")):
            result = self.run_cli(*words)
            self.assertEqual(result.returncode, 1, words)
            self.assertIn(text, result.stderr)

    def test_shares(self):
        self.sign_in()
        self.client.expect(201, "POST", "/users", {"username": "lea", "password": PASSWORD})
        name = self.good("session", "create", "terminal").split()[0]
        self.assertRegex(self.good("share", "create", name, "--user", "lea", "--mode", "control"), r"(?m)^Mode +control$")
        link = json.loads(self.good("share", "create", name, "--link", "--for", "2h", "--output", "json"))
        self.assertEqual((link["url"], link["mode"]), (f"{self.server.url}/share/{link['token']}", "view"))
        self.assertRegex(self.good("share", "list", name), r"(?m)^\d+ +lea +no +control +admin +")
        self.assertIn("withdrawn", self.good("share", "revoke", name, str(link["id"])))
        self.assertEqual(len(json.loads(self.good("share", "list", name, "--output", "json"))), 1)
        for words, text in ((("create", name), "one of the two"), (("create", name, "--link", "--for", "ever"), "duration"),
                            (("create", name, "--user", "nobody-there"), "no such user"),
                            (("create", "..", "--link"), "no session name"), (("revoke", name, "x"), "no number"),
                            (("revoke", name, str(link["id"])), "no such share")):
            result = self.run_cli("share", *words)
            self.assertEqual(result.returncode, 1, words)
            self.assertIn(text, result.stderr)
        self.good("session", "stop", name)

    def test_a_token_in_the_environment_replaces_the_file(self):
        env = {"STREAMSPACE_URL": self.server.url, "STREAMSPACE_TOKEN": self.client.token,
               "XDG_CONFIG_HOME": self.place.path + "/empty"}
        self.good("session", "list", env=env)
        self.assertFalse(os.path.exists(self.place.path + "/empty"))

    def test_logout_forgets(self):
        self.sign_in()
        self.good("logout")
        self.assertEqual(self.run_cli("session", "list").returncode, 1)

    def test_completion_is_a_script_that_the_shell_takes(self):
        script = self.good("completion", "bash")
        check = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
        self.assertEqual(check.returncode, 0, check.stderr)
        words = subprocess.run(["bash", "-c", script + "\nCOMP_WORDS=(streamspace session c); COMP_CWORD=2; _streamspace; "
                                "echo ${COMPREPLY[@]}"], text=True, capture_output=True).stdout
        self.assertEqual(words.strip(), "create")


if __name__ == "__main__":
    unittest.main()
