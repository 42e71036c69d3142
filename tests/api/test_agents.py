"""Agents as administrators treat them: drained, labelled, removed; and enrolment tokens that are looked at and taken back."""
import unittest

from apitest import ApiTest, problem
from robot_agent import RobotAgent
from streamspace import wait_for


class Agents(ApiTest):
    def robot(self, agent_id, **extra):
        robot = RobotAgent(self.server, agent_id, **extra)
        self.addCleanup(robot.close)
        return robot

    def patch(self, agent_id, **fields):
        return self.admin.expect(200, "PATCH", f"/agents/{agent_id}", fields)

    def remove(self, agent_id, force="?force=true"):
        return self.admin.api("DELETE", f"/agents/{agent_id}{force}")

    def test_a_draining_agent_gets_nothing_new(self):
        self.robot("drained")
        name = self.admin.create()
        self.admin.wait_state(name, "running")
        self.assertEqual(self.patch("drained", status="draining")["status"], "draining")
        body = problem(self, self.admin.api("POST", "/sessions", {"template": "terminal"}), 503, "no_agent")
        self.assertIn({"agentId": "drained", "reason": "is draining"}, body["agents"])
        self.assertEqual(self.admin.session(name)["state"], "running")
        self.assertEqual(self.patch("drained", status="online")["status"], "online")
        self.admin.wait_state(self.admin.create(), "running")
        self.assertEqual(self.remove("drained").status, 204)

    def test_labels_that_are_given_hold(self):
        robot = self.robot("labelled")
        self.assertEqual(self.patch("labelled", labels={"disk": "ssd", "rack": "7"})["labels"], {"disk": "ssd", "rack": "7"})
        robot.close()
        robot = self.robot("labelled", key=robot.key)  # registers anew, with labels of its own: none
        self.assertEqual(self.admin.expect(200, "GET", "/agents/labelled")["labels"], {"disk": "ssd", "rack": "7"})
        self.assertEqual(self.patch("labelled", labels={})["labels"], {})
        self.assertEqual(self.patch("labelled", labels=None)["labels"], {})
        for body, field in (({"labels": {"a": 1}}, "labels"), ({"labels": ["a"]}, "labels"), ({"labels": {"a": "x" * 256}}, "labels"),
                            ({"labels": {"a" * 64: "x"}}, "labels"), ({"labels": {str(i): "x" for i in range(65)}}, "labels"),
                            ({"status": "offline"}, "status"), ({"region": "moon"}, "region")):
            problem(self, self.admin.api("PATCH", "/agents/labelled", body), 400, field=field)
        problem(self, self.admin.api("PATCH", "/agents/labelled", {}), 400, "nothing_to_change")
        problem(self, self.admin.api("PATCH", "/agents/nobody", {"status": "online"}), 404, "agent_not_found")
        self.assertEqual(self.remove("labelled").status, 204)

    def test_removal(self):
        robot = self.robot("removed")
        name = self.admin.create()
        self.admin.wait_state(name, "running")
        problem(self, self.remove("removed", ""), 409, "agent_online")
        robot.close()
        wait_for("it is offline", lambda: self.admin.expect(200, "GET", "/agents/removed")["status"] == "offline")
        problem(self, self.remove("removed", ""), 409, "agent_has_sessions")
        problem(self, self.remove("removed", "?force=perhaps"), 400, field="force")
        self.assertEqual(self.remove("removed").status, 204)
        session = self.admin.session(name)
        self.assertEqual((session["state"], session["reason"]), ("failed", "its agent was removed"))
        problem(self, self.remove("removed"), 404, "agent_not_found")
        problem(self, self.admin.api("GET", "/agents/removed"), 404, "agent_not_found")

    def test_a_connected_one_that_is_removed_by_force_is_cut_off(self):
        robot = self.robot("cut-off")
        self.assertEqual(self.remove("cut-off").status, 204)
        wait_for("it is told to go", lambda: any(m["type"] == "shutdown" for m in robot.messages))
        self.assertEqual([m["payload"]["reason"] for m in robot.messages if m["type"] == "shutdown"], ["the agent was removed"])
        with self.assertRaises(AssertionError):  # its key is nobody's any more
            RobotAgent(self.server, "cut-off", key=robot.key, connect=False)

    def test_tokens(self):
        made = self.admin.expect(201, "POST", "/admin/agent-tokens", {"agentId": "future"})
        other = self.admin.expect(201, "POST", "/admin/agent-tokens", {})
        listed = self.admin.expect(200, "GET", "/admin/agent-tokens")
        self.assertEqual(listed["total"], len(listed["agentTokens"]))
        self.assertNotIn(made["token"], str(listed))
        newest, one = listed["agentTokens"][:2]
        self.assertEqual((one["agentId"], one["createdBy"], one["expiresAt"], one["usedBy"], newest["agentId"]),
                         ("future", "admin", made["expiresAt"], None, None))
        page = self.admin.expect(200, "GET", "/admin/agent-tokens?limit=1")
        self.assertEqual([t["id"] for t in page["agentTokens"]], [newest["id"]])
        page = self.admin.expect(200, "GET", f"/admin/agent-tokens?limit=1&cursor={page['nextCursor']}")
        self.assertEqual([t["id"] for t in page["agentTokens"]], [one["id"]])
        self.admin.expect(204, "DELETE", f"/admin/agent-tokens/{newest['id']}")
        problem(self, self.admin.api("DELETE", f"/admin/agent-tokens/{newest['id']}"), 404, "token_not_found")
        with self.assertRaises(AssertionError):  # taken back
            RobotAgent(self.server, "late-comer", key=other["token"], connect=False)
        RobotAgent(self.server, "future", key=made["token"], connect=False)
        used = self.admin.expect(200, "GET", "/admin/agent-tokens")["agentTokens"]
        self.assertEqual([t["usedBy"] for t in used if t["id"] == one["id"]], ["future"])
        problem(self, self.admin.api("GET", "/admin/agent-tokens?cursor=x"), 400, field="cursor")


if __name__ == "__main__":
    unittest.main()
