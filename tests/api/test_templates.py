"""Templates: made, changed, imported, exported and removed by operators; seen by those who may."""
import unittest

from apitest import ApiTest, problem
from robot_agent import RobotAgent
from streamspace import wait_for

YAML = {"Content-Type": "application/yaml"}
FILE = """apiVersion: stream.space/v1alpha1
kind: Template
metadata:
  name: {name}
spec:
  displayName: {title}
  description: |
    Two
    lines
  category: Web Browsers
  icon: https://example.org/firefox.png
  baseImage: example/firefox:latest
  defaultResources: {{memory: 2Gi, cpu: 1000m}}
  ports:
  - {{name: vnc, containerPort: 3000, protocol: TCP}}
  env:
  - name: PUID
    value: '1000'
  volumeMounts:
  - name: user-home
    mountPath: /config
  vnc: {{enabled: true, port: 3000}}
  webapp: {{enabled: false, port: 3000, path: /}}
  capabilities: [Network, Clipboard]
  tags: [firefox, web browsers]
"""


class Templates(ApiTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.robot = RobotAgent(cls.server, "robot-1", max_sessions=1000)
        cls.addClassCleanup(cls.robot.close)

    def setUp(self):
        self.operator = self.as_user("operator", "operator")

    def post_file(self, text, query="", client=None):
        raw = text if isinstance(text, bytes) else text.encode()
        return (client or self.operator).api("POST", f"/templates/import{query}", raw=raw, headers=YAML)

    def actions(self, text, query=""):
        answer = self.post_file(text, query)
        self.assertEqual(answer.status, 200, answer)
        return {entry["name"]: entry["action"] for entry in answer.json["templates"]}

    def test_made_read_changed_and_removed(self):
        fields = {"name": "notes", "displayName": "Notes", "command": ["mousepad"], "tags": ["text"]}
        answer = self.operator.api("POST", "/templates", fields)
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.headers["Location"], "/api/v1/templates/notes")
        made = answer.json
        self.assertEqual((made["displayName"], made["protocol"], made["network"], made["resources"]),
                         ("Notes", "vnc", "none", {"cpu": "500m", "memory": "512Mi"}))
        self.assertEqual((made["builtin"], made["enabled"], made["version"], made["updatedBy"]),
                         (False, True, 1, "operator"))
        problem(self, self.operator.api("POST", "/templates", fields), 409, "template_exists", "name")
        # What is read can be sent back as it is.
        same = self.operator.expect(200, "PUT", "/templates/notes", made)
        self.assertEqual(same["version"], 1)
        changed = self.operator.expect(200, "PUT", "/templates/notes", made | {"description": "Plain text"})
        self.assertEqual((changed["version"], changed["description"]), (2, "Plain text"))
        problem(self, self.operator.api("PUT", "/templates/notes", made), 409, "template_changed")
        self.assertEqual(self.operator.api("PUT", "/templates/notes-2", {"displayName": "N", "command": ["n"]}).status, 201)
        self.assertEqual(self.as_user("owner").expect(200, "GET", "/templates/notes")["description"], "Plain text")
        for name in ("notes", "notes-2"):
            self.assertEqual(self.operator.api("DELETE", f"/templates/{name}").status, 204)
            problem(self, self.operator.api("DELETE", f"/templates/{name}"), 404, "template_not_found")

    def test_every_fault_of_a_body_is_named(self):
        body = problem(self, self.operator.api("POST", "/templates", {
            "displayName": "", "comand": ["x"], "resources": {"cpu": "many", "gpu": 1}, "ports": [{}],
            "tags": ["a", 5]}), 400)
        self.assertEqual([(entry["field"], entry["code"]) for entry in body["fields"]], [
            ("comand", "unknown_field"), ("displayName", "invalid_field"), ("resources.gpu", "unknown_field"),
            ("resources.cpu", "invalid_field"), ("ports[0].containerPort", "missing_field"),
            ("tags[1]", "invalid_field"), ("image", "missing_field")])
        self.assertIn("command", body["fields"][0]["message"])
        for name in ("Upper", "a_b", "-a", "a" * 64):
            body = {"name": name, "displayName": "A", "command": ["a"]}
            problem(self, self.operator.api("POST", "/templates", body), 400, "invalid_field", "name")
        problem(self, self.operator.api("PUT", "/templates/one", {"name": "two", "displayName": "A", "command": ["a"]}),
                400, "invalid_field", "name")
        problem(self, self.operator.api("PUT", "/templates/Bad%20Name", {"displayName": "A", "command": ["a"]}),
                400, "invalid_field", "name")
        problem(self, self.operator.api("POST", "/templates", {"displayName": "A", "command": ["a"]}), 400,
                "missing_field", "name")
        problem(self, self.operator.api("POST", "/templates", raw=b"{}", headers={"Content-Type": "text/plain"}), 415)
        problem(self, self.operator.api("POST", "/templates?dryRun=maybe", {"displayName": "A"}), 400,
                "invalid_parameter", "dryRun")
        for raw in (b"[]", b"{", b"{\"a\":1,\"a\":2}", b"\xff", b"[" * 100):
            problem(self, self.operator.api("POST", "/templates", raw=raw, headers={"Content-Type": "application/json"}),
                    400, "malformed_json")

    def test_import(self):
        both = FILE.format(name="ff-1", title="One") + "---\n" + FILE.format(name="ff-2", title="Two")
        self.assertEqual(self.actions(both, "?dryRun=true"), {"ff-1": "created", "ff-2": "created"})
        problem(self, self.operator.api("GET", "/templates/ff-1"), 404)
        self.assertEqual(self.actions(both), {"ff-1": "created", "ff-2": "created"})
        self.assertEqual(self.actions(both.replace("displayName: Two", "displayName: Zwei")), {"ff-1": "unchanged", "ff-2": "updated"})
        template = self.operator.expect(200, "GET", "/templates/ff-1")
        self.assertEqual((template["image"], template["protocol"], template["network"], template["env"],
                          template["description"]),
                         ("example/firefox:latest", "vnc", "outbound", {"PUID": "1000"}, "Two\nlines\n"))
        # The robot is a local agent: an image alone does not run there.
        self.assertFalse(template["available"])
        self.assertEqual(template["agents"], [{"agentId": "robot-1", "platform": "local", "available": False,
                                               "reason": "it is not for the runtime local"}])

    def test_a_file_with_faults_changes_nothing(self):
        good, bad = FILE.format(name="good-one", title="Good"), FILE.format(name="bad-one", title="7")
        body = problem(self, self.post_file(good + "---\n" + bad.replace("port: 3000}", "port: high}", 1)), 400,
                       "invalid_field")
        lines = (good + "---\n" + bad).split("\n")
        self.assertEqual([(entry["field"], entry["document"]) for entry in body["fields"]],
                         [("spec.displayName", 2), ("spec.vnc.port", 2)])
        self.assertEqual(lines[body["fields"][0]["line"] - 1], "  displayName: 7")
        self.assertEqual(lines[body["fields"][0]["line"] - 1][body["fields"][0]["column"] - 1], "7")
        problem(self, self.operator.api("GET", "/templates/good-one"), 404)
        for text, line in (("a: [1, 2\n", 2), ("a: *b\n", 1), ("a: &b 1\n", 1), ("\ta: 1\n", 1), ("x: 1\nx: 2\n", 2),
                           ("!!python/object:os.system a\n", 1), ("%YAML 9.9\n---\na\n", 1)):
            body = problem(self, self.post_file(text), 400, "malformed_yaml")
            self.assertEqual(body["fields"][0]["line"], line, body)
        self.assertEqual(self.post_file(b"a: \xff").status, 400)
        self.assertEqual(self.post_file("[" * 500000).status, 400)
        self.assertEqual(self.post_file("a: " + "[x, " * 40 + "]" * 40).status, 400)
        self.assertEqual(self.post_file("---\n" * 200000).status, 400)
        self.assertEqual(self.post_file("- " * 100000).status, 400)
        self.assertEqual(self.post_file("x" * (1024 * 1024 + 1)).status, 413)
        problem(self, self.operator.api("POST", "/templates/import", {}), 415)

    def test_everything_comes_back_from_its_files(self):
        answer = self.operator.api("GET", "/templates?format=yaml")
        self.assertEqual(answer.headers["Content-Type"], "application/yaml")
        self.assertEqual(set(self.actions(answer.body, "?dryRun=true").values()), {"unchanged"})
        one = self.operator.request("GET", "/api/v1/templates/code-server", headers={"Accept": "application/yaml"})
        self.assertIn(b"baseImage: lscr.io/linuxserver/code-server", one.body)
        self.assertIn("code-server.yaml", one.headers["Content-Disposition"])
        # As a body, too.
        answer = self.operator.api("PUT", "/templates/code-server?dryRun=true", raw=one.body, headers=YAML)
        self.assertEqual(answer.json, {"dryRun": True, "templates": [{"name": "code-server", "action": "unchanged"}]})
        problem(self, self.as_user("owner").api("GET", "/templates/code-server?format=yaml"), 403)
        problem(self, self.operator.api("GET", "/templates/code-server?format=xml"), 400, "invalid_parameter", "format")

    def test_builtin_ones(self):
        problem(self, self.operator.api("DELETE", "/templates/vlc"), 409, "template_builtin")
        vlc = self.operator.expect(200, "GET", "/templates/vlc")
        off = self.operator.expect(200, "PUT", "/templates/vlc", vlc | {"enabled": False})
        self.assertEqual((off["builtin"], off["overridden"], off["enabled"]), (True, False, False))
        problem(self, self.as_user("owner").api("GET", "/templates/vlc"), 404, "template_not_found")
        problem(self, self.as_user("owner").api("POST", "/sessions", {"template": "vlc"}), 404, "template_not_found")
        problem(self, self.operator.api("POST", "/sessions", {"template": "vlc"}), 409, "template_disabled")
        ours = self.operator.expect(200, "PUT", "/templates/vlc", off | {"enabled": True, "displayName": "Player"})
        self.assertEqual((ours["builtin"], ours["overridden"]), (False, True))
        self.assertEqual(self.operator.api("DELETE", "/templates/vlc").status, 204)
        again = self.operator.expect(200, "GET", "/templates/vlc")
        self.assertEqual((again["builtin"], again["overridden"], again["displayName"]), (True, False, vlc["displayName"]))

    def test_one_in_use_stays(self):
        self.operator.expect(201, "POST", "/templates", {"name": "busy", "displayName": "B", "command": ["xterm"]})
        name = self.operator.create("busy")
        problem(self, self.operator.api("DELETE", "/templates/busy"), 409, "template_in_use")
        self.operator.wait_state(name, "running")
        self.operator.expect(202, "DELETE", f"/sessions/{name}")
        self.operator.wait_state(name, "terminated")
        self.assertEqual(self.operator.api("DELETE", "/templates/busy").status, 204)

    def test_groups(self):
        self.admin.expect(201, "POST", "/groups", {"name": "lab"})
        owner, other = self.as_user("owner"), self.as_user("other")
        self.admin.expect(201, "POST", "/groups/lab/members", {"username": "owner"})
        fields = {"name": "lab-tool", "displayName": "Lab", "command": ["xterm"], "groups": ["lab"],
                  "env": {"LICENCE": "sesame"}}
        problem(self, self.operator.api("POST", "/templates", fields | {"groups": ["no-such"]}), 400, "unknown_group",
                "groups")
        self.operator.expect(201, "POST", "/templates", fields)
        seen = owner.expect(200, "GET", "/templates/lab-tool")
        self.assertNotIn("env", seen)
        self.assertNotIn("groups", seen)
        problem(self, other.api("GET", "/templates/lab-tool"), 404, "template_not_found")
        problem(self, other.api("POST", "/sessions", {"template": "lab-tool"}), 404, "template_not_found")
        self.assertEqual(other.expect(200, "GET", "/templates?search=lab-tool")["total"], 0)
        tag = owner.api("GET", "/templates?search=lab-tool").headers["ETag"]
        self.assertEqual(owner.expect(200, "GET", "/templates?search=lab-tool")["total"], 1)
        owner.create("lab-tool")
        self.assertEqual(self.operator.expect(200, "GET", "/templates/lab-tool")["env"], {"LICENCE": "sesame"})
        # Who leaves the group sees it no more, whatever he has kept.
        self.assertEqual(self.admin.api("DELETE", "/groups/lab/members/owner").status, 204)
        answer = owner.api("GET", "/templates?search=lab-tool", headers={"If-None-Match": tag})
        self.assertEqual((answer.status, answer.json["total"]), (200, 0))
        self.assertNotIn("sesame", self.server.output)

    def test_entity_tags(self):
        first = self.operator.api("GET", "/templates?limit=200")
        tag = first.headers["ETag"]
        again = self.operator.api("GET", "/templates?limit=200", headers={"If-None-Match": f'"x", W/{tag}'})
        self.assertEqual((again.status, again.body, again.headers["ETag"]), (304, b"", tag))
        self.assertIn("private", first.headers["Cache-Control"])
        self.assertNotEqual(self.as_user("owner").api("GET", "/templates?limit=200").headers["ETag"], tag)
        self.operator.expect(201, "PUT", "/templates/tagged", {"displayName": "T", "command": ["t"]})
        changed = self.operator.api("GET", "/templates?limit=200", headers={"If-None-Match": tag})
        self.assertEqual((changed.status, changed.json["total"]), (200, first.json["total"] + 1))
        self.assertEqual(self.operator.api("DELETE", "/templates/tagged").status, 204)

    def test_what_the_agent_lacks(self):
        def beat(missing):
            self.robot.send("heartbeat", status="online", activeSessions=0, missing=missing)
        beat({"gimp": "gimp is not installed: install gimp"})
        def lacks():
            template = self.operator.expect(200, "GET", "/templates/gimp")
            return None if template["available"] else template
        template = wait_for("gimp is not available", lacks)
        self.assertIn("install gimp", template["unavailableReason"])
        self.assertEqual(template["agents"][0]["reason"], template["unavailableReason"])
        beat({"nothing": "at all"})
        wait_for("gimp is available", lambda: not lacks())


if __name__ == "__main__":
    unittest.main()
