"""Sessions that are changed while they run, found by filters, and bounded in time; repeats of a create that took the last room."""
import threading
import unittest

from apitest import ApiTest, problem
from robot_agent import RobotAgent
from streamspace import Agent, wait_for
from test_events import Watcher


class ChangesTest(ApiTest):
    def completed(self, name):
        """Its update_session commands that are completed."""
        commands = self.admin.expect(200, "GET", f"/commands?session={name}&status=completed")["commands"]
        return [command for command in commands if command["action"] == "update_session"]


class Changes(ChangesTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.robot = RobotAgent(cls.server, max_sessions=200)
        cls.addClassCleanup(cls.robot.close)

    def running(self, client=None, **fields):
        client = client or self.admin
        name = client.create(**fields)
        client.wait_state(name, "running")
        return name

    def patch(self, name, status=200, client=None, **fields):
        return (client or self.admin).expect(status, "PATCH", f"/sessions/{name}", fields)

    def told(self, name):
        return [c for c in self.robot.commands if c["payload"].get("sessionId") == name and c["action"] == "update_session"]

    def test_tags_and_times(self):
        name = self.running(tags=["old"])
        self.assertIsNone(self.admin.session(name)["endsAt"])
        changed = self.patch(name, tags=["new", "other"], idleTimeout="45m", maxSessionDuration="8h")
        self.assertEqual((changed["tags"], changed["idleTimeout"], changed["maxSessionDuration"]),
                         (["new", "other"], "45m", "8h"))
        self.assertTrue(changed["endsAt"] > changed["startedAt"])
        self.assertEqual(self.admin.session(name), changed)
        changed = self.patch(name, idleTimeout=None, maxSessionDuration=None)
        self.assertEqual((changed["tags"], changed["idleTimeout"], changed["maxSessionDuration"], changed["endsAt"]),
                         (["new", "other"], None, None, None))
        self.assertEqual(self.patch(name, tags=[])["tags"], [])
        self.assertEqual(self.told(name), [])

    def test_bad_changes(self):
        name = self.running()
        for body, field in (({"tags": ['a"b']}, "tags"), ({"idleTimeout": "soon"}, "idleTimeout"),
                            ({"maxSessionDuration": "400d"}, "maxSessionDuration"), ({"resources": {"cpu": "1m"}}, "resources.cpu"),
                            ({"resources": {"cpu": "999"}}, "resources.cpu"), ({"resources": {"memory": "1Ki"}}, "resources.memory"),
                            ({"state": "running"}, "state"), ({"state": "terminated", "tags": []}, "state"),
                            ({"user": "somebody"}, "user")):
            problem(self, self.admin.api("PATCH", f"/sessions/{name}", body), 400, field=field)
        problem(self, self.admin.api("PATCH", f"/sessions/{name}", {}), 400, "nothing_to_change")
        problem(self, self.admin.api("PATCH", f"/sessions/{name}", {"resources": {}}), 400, "nothing_to_change")
        problem(self, self.as_user("stranger").api("PATCH", f"/sessions/{name}", {"tags": []}), 404, "session_not_found")

    def test_state_terminated_is_delete(self):
        name = self.running()
        answer = self.patch(name, 202, state="terminated")
        self.assertEqual(set(answer), {"name", "commandId", "message"})
        self.admin.wait_state(name, "terminated")
        problem(self, self.admin.api("PATCH", f"/sessions/{name}", {"state": "terminated"}), 409, "session_ended")
        problem(self, self.admin.api("PATCH", f"/sessions/{name}", {"tags": ["late"]}), 409, "session_ended")

    def test_resources_reach_the_agent(self):
        name = self.running(resources={"cpu": "200m", "memory": "256Mi"})
        changed = self.patch(name, resources={"cpu": "400m"})
        self.assertEqual(changed["resources"], {"cpu": "400m", "memory": "256Mi"})
        wait_for("the agent is told", lambda: self.told(name))
        self.assertEqual(self.told(name)[0]["payload"]["resources"], {"cpu": "400m", "memory": "256Mi"})
        wait_for("it is done", lambda: self.completed(name))
        self.assertEqual(self.patch(name, resources={"cpu": "400m"})["resources"]["cpu"], "400m")  # nothing new: no command
        self.patch(name, resources={"memory": "512Mi"})
        wait_for("the agent is told again", lambda: len(self.told(name)) == 2)
        self.assertEqual(self.told(name)[1]["payload"]["resources"], {"cpu": "400m", "memory": "512Mi"})

    def test_what_the_agent_cannot_do_is_taken_back(self):
        name = self.running(resources={"cpu": "200m", "memory": "512Mi"})
        self.robot.hold.add("update_session")
        try:
            self.assertEqual(self.patch(name, resources={"cpu": "300m", "memory": "128Mi"})["resources"],
                             {"cpu": "300m", "memory": "128Mi"})
            problem(self, self.admin.api("PATCH", f"/sessions/{name}", {"resources": {"cpu": "500m"}}), 409, "update_pending")
            self.patch(name, tags=["meanwhile"])
            command = wait_for("the agent is told", lambda: self.told(name))[0]
            same = {"commandId": command["commandId"], "attempt": command["attempt"]}
            self.robot.send("ack", **same)
            self.robot.send("failed", error="more than 128 MiB of memory are in use", retryable=False, **same)
            session = wait_for("it is as before", lambda: (lambda s: s if s["reason"] else None)(self.admin.session(name)))
        finally:
            self.robot.hold.clear()
        self.assertEqual(session["resources"], {"cpu": "200m", "memory": "512Mi"})
        self.assertEqual(session["reason"], "its resources could not be changed: more than 128 MiB of memory are in use")
        self.assertEqual((session["state"], session["tags"]), ("running", ["meanwhile"]))
        self.patch(name, resources={"cpu": "300m"})
        wait_for("the reason is gone", lambda: self.admin.session(name)["reason"] is None)

    def test_resources_only_while_it_runs(self):
        self.robot.hold.add("start_session")
        try:
            name = self.admin.create()
            problem(self, self.admin.api("PATCH", f"/sessions/{name}", {"resources": {"cpu": "150m"}}), 409, "not_running")
            self.patch(name, tags=["early"], maxSessionDuration="1h")
        finally:
            self.robot.hold.clear()
        self.admin.expect(202, "DELETE", f"/sessions/{name}")

    def test_changes_side_by_side_are_one_at_a_time(self):
        self.robot.hold.add("update_session")
        try:
            name = self.running(resources={"cpu": "100m", "memory": "128Mi"})
            statuses, start = [], threading.Barrier(12)

            def change(number):
                client = self.server.anonymous()
                client.token = self.admin.token
                start.wait(30)
                statuses.append(client.api("PATCH", f"/sessions/{name}", {"resources": {"cpu": f"{110 + number}m"}}).status)
                client.close()
            threads = [threading.Thread(target=change, args=(number,)) for number in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self.robot.hold.clear()
        self.assertEqual(sorted(statuses), [200] + [409] * 11)
        self.assertEqual(self.admin.expect(200, "GET", f"/commands?session={name}")["total"], 2)

    def test_quota_and_room_bound_a_change(self):
        grower = self.as_user("grower")
        name = self.running(grower, resources={"cpu": "200m", "memory": "256Mi"})
        self.admin.expect(200, "PUT", "/users/grower/quota", {"maxCpu": "300m", "maxMemory": "300Mi"})
        body = problem(self, grower.api("PATCH", f"/sessions/{name}", {"resources": {"cpu": "400m"}}), 403, "quota_exceeded")
        self.assertEqual((body["resource"], body["limit"], body["used"]), ("cpu", "300m", "200m"))
        self.patch(name, client=grower, resources={"cpu": "300m", "memory": "128Mi"})
        wait_for("lower memory is given back", lambda: grower.expect(200, "GET", "/users/me/quota")["used"] ==
                 {"sessions": 1, "cpu": "300m", "memory": "128Mi", "storage": "0"})

    def test_filters(self):
        finder = self.as_user("finder")
        blue = self.running(finder, template="terminal", tags=["Blue-Moon"])
        red = self.running(finder, template="firefox-browser", tags=["red"])
        find = lambda query: {s["name"] for s in finder.expect(200, "GET", "/sessions?" + query)["sessions"]}
        self.assertEqual(find("template=terminal"), {blue})
        self.assertEqual(find("search=BLUE"), {blue})
        self.assertEqual(find("search=firefox"), {red})
        self.assertEqual(find("search=%25"), set())
        self.assertEqual(find(f"search={red[-8:]}"), {red})
        self.assertEqual(find("agent=robot-1"), {blue, red})
        self.assertEqual(find("agent=robot-2"), set())
        self.assertEqual(find("agent=robot-1&template=terminal&tag=Blue-Moon&state=running&search=moon"), {blue})
        self.assertIn(blue, {s["name"] for s in self.admin.expect(200, "GET", "/sessions?search=finder")["sessions"]})

    def test_pages_are_stable_under_inserts(self):
        turner = self.as_user("turner")
        names = [self.running(turner) for _ in range(6)]
        page = turner.expect(200, "GET", "/sessions?limit=2")
        seen = [s["name"] for s in page["sessions"]]
        while page["nextCursor"]:
            self.running(turner)  # newer ones come in front and push nothing onto the next page
            page = turner.expect(200, "GET", f"/sessions?limit=2&cursor={page['nextCursor']}")
            seen += [s["name"] for s in page["sessions"]]
        self.assertEqual(seen, names[::-1])
        problem(self, turner.api("GET", "/sessions?cursor=somewhere"), 400, field="cursor")

    def test_a_repeat_that_took_the_last_room_is_no_refusal(self):
        last = self.as_user("last")
        self.admin.expect(200, "PUT", "/users/last/quota", {"maxSessions": 1})
        answers, start = [], threading.Barrier(12)

        def create():
            client = self.server.anonymous()
            client.token = last.token
            start.wait(30)
            answers.append(client.api("POST", "/sessions", {"template": "terminal"}, headers={"Idempotency-Key": "the-last"}))
            client.close()
        threads = [threading.Thread(target=create) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual({answer.status for answer in answers}, {200}, answers)
        self.assertEqual(len({answer.json["name"] for answer in answers}), 1)

    def test_a_duration_is_warned_of_and_enforced(self):
        watcher = Watcher(self.server, self.admin.token)
        self.addCleanup(watcher.close)
        name = self.running(maxSessionDuration="10s")
        events = watcher.until(lambda e: e[1] == "session" and e[2]["name"] == name and e[2]["action"] == "warning")
        warned = events[-1][2]
        self.assertEqual((warned["state"], warned["endsAt"]), ("running", self.admin.session(name)["endsAt"]))
        ended = self.admin.wait_state(name, "terminated")
        self.assertEqual(ended["reason"], "its maximum duration was over")
        late = self.running()
        time_over = self.patch(late, maxSessionDuration="1s")
        self.assertEqual(time_over["maxSessionDuration"], "1s")
        self.admin.wait_state(late, "terminated")


class ManyWatchers(ApiTest):
    def test_a_user_has_so_many_event_streams_and_no_more(self):
        greedy, modest = self.as_user("greedy"), self.as_user("modest")
        watchers = [Watcher(self.server, greedy.token) for _ in range(64)]
        for watcher in watchers:
            self.addCleanup(watcher.close)
            self.assertEqual(watcher.response.status, 200)
        answer = greedy.api("GET", "/events")
        problem(self, answer, 429, "too_many_watchers")
        other = Watcher(self.server, modest.token)
        self.addCleanup(other.close)
        self.assertEqual(other.response.status, 200)
        watchers[0].close()

        def again():
            watcher = Watcher(self.server, greedy.token)
            self.addCleanup(watcher.close)
            return watcher.response.status == 200
        wait_for("there is room for another", again, pause=0.2)


class RealAgent(ChangesTest):
    """The null runtime: a real agent with its journal, which takes update_session."""

    def test_an_update_goes_all_the_way(self):
        agent = Agent(self.server, "null-1").wait_online(self.admin)
        self.addCleanup(agent.close)
        name = self.admin.create()
        self.admin.wait_state(name, "running")
        self.admin.expect(200, "PATCH", f"/sessions/{name}", {"resources": {"cpu": "150m", "memory": "300Mi"}})
        wait_for("the update is completed", lambda: self.completed(name))
        self.assertEqual(self.admin.session(name)["resources"], {"cpu": "150m", "memory": "300Mi"})


if __name__ == "__main__":
    unittest.main()
