"""Groups, their members and who may say so; quotas of users and groups, also when a hundred ask at once."""
import threading
import unittest

from apitest import ApiTest, problem
from robot_agent import RobotAgent
from streamspace import wait_for

NO_LIMITS = {"maxSessions": None, "maxCpu": None, "maxMemory": None, "maxStorage": None}


class Groups(ApiTest):
    def group(self, name, **fields):
        return self.admin.expect(201, "POST", "/groups", {"name": name, **fields})

    def test_create_read_change_delete(self):
        made = self.group("artists", displayName="The Artists", description="Who draw")
        self.assertEqual((made["name"], made["displayName"], made["description"], made["memberCount"]),
                         ("artists", "The Artists", "Who draw", 0))
        self.assertEqual(self.admin.expect(200, "GET", "/groups/artists"), made)
        problem(self, self.admin.api("POST", "/groups", {"name": "artists"}), 409, "group_exists", "name")
        changed = self.admin.expect(200, "PATCH", "/groups/artists", {"displayName": "Painters"})
        self.assertEqual((changed["displayName"], changed["description"]), ("Painters", "Who draw"))
        changed = self.admin.expect(200, "PATCH", "/groups/artists", {"description": None})
        self.assertEqual((changed["displayName"], changed["description"]), ("Painters", None))
        self.admin.expect(204, "DELETE", "/groups/artists")
        problem(self, self.admin.api("GET", "/groups/artists"), 404, "group_not_found")
        problem(self, self.admin.api("DELETE", "/groups/artists"), 404, "group_not_found")

    def test_what_is_no_group(self):
        for body, field in (({"name": "Artists"}, "name"), ({"name": "../x"}, "name"), ({"name": ""}, "name"),
                            ({"name": "x" * 64}, "name"), ({"name": "x", "displayName": "a\nb"}, "displayName"),
                            ({"name": "x", "description": "y" * 513}, "description"), ({"name": "x", "quota": 1}, "quota")):
            problem(self, self.admin.api("POST", "/groups", body), 400, field=field)

    def test_lists_search_and_pages(self):
        for name in ("page-c", "page-a", "page-b"):
            self.group(name, displayName="100%_" + name)
        listed = self.admin.expect(200, "GET", "/groups?search=PAGE-")
        self.assertEqual([g["name"] for g in listed["groups"]], ["page-a", "page-b", "page-c"])
        self.assertEqual((listed["total"], listed["nextCursor"]), (3, None))
        self.assertEqual(self.admin.expect(200, "GET", "/groups?search=0%25_p")["total"], 3)
        self.assertEqual(self.admin.expect(200, "GET", "/groups?search=a_e")["total"], 0)
        first = self.admin.expect(200, "GET", "/groups?search=page-&limit=2")
        rest = self.admin.expect(200, "GET", f"/groups?search=page-&limit=2&cursor={first['nextCursor']}")
        self.assertEqual([g["name"] for g in first["groups"] + rest["groups"]], ["page-a", "page-b", "page-c"])
        self.assertIsNone(rest["nextCursor"])

    def test_members(self):
        self.group("crew")
        for name in ("crew-b", "crew-a"):
            self.make_user(name)
            member = self.admin.expect(201, "POST", "/groups/crew/members", {"username": name})
            self.assertEqual((member["username"], member["role"]), (name, "member"))
        problem(self, self.admin.api("POST", "/groups/crew/members", {"username": "crew-a"}), 409, "member_exists")
        problem(self, self.admin.api("POST", "/groups/crew/members", {"username": "nobody"}), 404, "user_not_found",
                "username")
        problem(self, self.admin.api("POST", "/groups/crew/members", {"username": "crew-a", "role": "boss"}), 400,
                field="role")
        listed = self.admin.expect(200, "GET", "/groups/crew/members")
        self.assertEqual([m["username"] for m in listed["members"]], ["crew-a", "crew-b"])
        page = self.admin.expect(200, "GET", "/groups/crew/members?limit=1&cursor=crew-a")
        self.assertEqual([m["username"] for m in page["members"]], ["crew-b"])
        self.assertEqual(self.admin.expect(200, "GET", "/groups/crew")["memberCount"], 2)
        self.assertEqual(self.admin.expect(200, "PATCH", "/groups/crew/members/crew-a", {"role": "manager"})["role"],
                         "manager")
        self.admin.expect(204, "DELETE", "/groups/crew/members/crew-b")
        problem(self, self.admin.api("DELETE", "/groups/crew/members/crew-b"), 404, "member_not_found")
        problem(self, self.admin.api("PATCH", "/groups/crew/members/crew-b", {"role": "member"}), 404, "member_not_found")

    def test_managers_look_after_their_group_and_no_other(self):
        self.group("theirs")
        self.group("foreign")
        boss, helper = self.as_user("boss"), self.as_user("helper")
        self.make_user("newcomer")
        self.admin.expect(201, "POST", "/groups/theirs/members", {"username": "boss", "role": "manager"})
        self.admin.expect(201, "POST", "/groups/theirs/members", {"username": "helper"})
        self.assertEqual([g["name"] for g in boss.expect(200, "GET", "/groups")["groups"]], ["theirs"])
        self.assertEqual(helper.expect(200, "GET", "/groups")["groups"], [])
        boss.expect(201, "POST", "/groups/theirs/members", {"username": "newcomer"})
        problem(self, boss.api("POST", "/groups/theirs/members", {"username": "admin", "role": "manager"}), 403)
        problem(self, boss.api("PATCH", "/groups/theirs/members/helper", {"role": "manager"}), 403)
        boss.expect(204, "DELETE", "/groups/theirs/members/newcomer")
        self.admin.expect(200, "PATCH", "/groups/theirs/members/helper", {"role": "manager"})
        problem(self, boss.api("DELETE", "/groups/theirs/members/helper"), 403)
        boss.expect(204, "DELETE", "/groups/theirs/members/boss")
        problem(self, boss.api("GET", "/groups/theirs"), 404, "group_not_found")
        for method, path in (("GET", "/groups/foreign"), ("GET", "/groups/foreign/members"), ("GET", "/groups/foreign/quota")):
            problem(self, helper.api(method, path), 404, "group_not_found")


class Quotas(ApiTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.robot = RobotAgent(cls.server, max_sessions=400)
        cls.addClassCleanup(cls.robot.close)

    def refused(self, answer, scope, name, resource, limit, used):
        body = problem(self, answer, 403, "quota_exceeded")
        self.assertEqual({key: body[key] for key in ("scope", "name", "resource", "limit", "used")},
                         {"scope": scope, "name": name, "resource": resource, "limit": limit, "used": used})

    def test_set_read_and_clear(self):
        mine = self.as_user("reader")
        empty = {"sessions": 0, "cpu": "0", "memory": "0", "storage": "0"}
        self.assertEqual(mine.expect(200, "GET", "/users/reader/quota"), {**NO_LIMITS, "used": empty})
        told = self.admin.expect(200, "PUT", "/users/reader/quota",
                                 {"maxSessions": 3, "maxCpu": "1500m", "maxMemory": "2Gi", "maxStorage": "10Gi"})
        self.assertEqual(told, {"maxSessions": 3, "maxCpu": "1500m", "maxMemory": "2Gi", "maxStorage": "10Gi", "used": empty})
        self.assertEqual(mine.expect(200, "GET", "/users/me/quota"), told)
        told = self.admin.expect(200, "PUT", "/users/reader/quota", {"maxCpu": "2", "maxMemory": None})
        self.assertEqual(told, {**NO_LIMITS, "maxCpu": "2", "used": empty})
        self.admin.expect(204, "DELETE", "/users/reader/quota")
        self.admin.expect(204, "DELETE", "/users/reader/quota")
        self.assertEqual(mine.expect(200, "GET", "/users/reader/quota")["maxCpu"], None)
        problem(self, mine.api("GET", "/users/admin/quota"), 404, "user_not_found")
        problem(self, mine.api("PUT", "/users/reader/quota", {"maxSessions": 1}), 403)
        problem(self, self.admin.api("GET", "/users/nobody/quota"), 404, "user_not_found")
        problem(self, self.admin.api("PUT", "/groups/nobody/quota", {}), 404, "group_not_found")

    def test_what_is_no_limit(self):
        self.make_user("limited")
        for body, field in (({"maxSessions": -1}, "maxSessions"), ({"maxSessions": "3"}, "maxSessions"),
                            ({"maxSessions": 1000001}, "maxSessions"), ({"maxCpu": "-1"}, "maxCpu"), ({"maxCpu": 2}, "maxCpu"),
                            ({"maxMemory": "much"}, "maxMemory"), ({"maxStorage": "1Xi"}, "maxStorage"),
                            ({"maxDisks": 1}, "maxDisks")):
            problem(self, self.admin.api("PUT", "/users/limited/quota", body), 400, field=field)

    def test_each_resource_of_a_user(self):
        heavy, terminal = self.as_user("heavy"), {"template": "terminal", "resources": {"cpu": "200m", "memory": "512Mi"}}
        put = lambda **limits: self.admin.expect(200, "PUT", "/users/heavy/quota", limits)
        first = heavy.create("terminal", resources={"cpu": "200m", "memory": "512Mi"})
        put(maxSessions=1)
        self.refused(heavy.api("POST", "/sessions", terminal), "user", "heavy", "sessions", 1, 1)
        put(maxCpu="300m")
        self.refused(heavy.api("POST", "/sessions", terminal), "user", "heavy", "cpu", "300m", "200m")
        put(maxMemory="1023Mi")
        self.refused(heavy.api("POST", "/sessions", terminal), "user", "heavy", "memory", "1023Mi", "512Mi")
        put(maxStorage="1Gi")
        self.refused(heavy.api("POST", "/sessions", {**terminal, "persistentHome": True}), "user", "heavy", "storage", "1Gi",
                     "0")
        put(maxSessions=2, maxCpu="400m", maxMemory="1Gi", maxStorage="5Gi")
        second = heavy.create("terminal", resources={"cpu": "200m", "memory": "512Mi"}, persistentHome=True)
        self.assertEqual(heavy.expect(200, "GET", "/users/me/quota")["used"],
                         {"sessions": 2, "cpu": "400m", "memory": "1Gi", "storage": "5Gi"})
        for name in (first, second):
            heavy.wait_state(name, "running")
            heavy.expect(202, "DELETE", f"/sessions/{name}")
            heavy.wait_state(name, "terminated")
        self.assertEqual(heavy.expect(200, "GET", "/users/me/quota")["used"],
                         {"sessions": 0, "cpu": "0", "memory": "0", "storage": "5Gi"})  # the home outlives them
        heavy.create("terminal", persistentHome=True)  # the same home once more takes no more

    def test_a_group_bounds_the_sum_of_its_members(self):
        self.admin.expect(201, "POST", "/groups", {"name": "team"})
        ann, ben = self.as_user("ann"), self.as_user("ben")
        for name in ("ann", "ben"):
            self.admin.expect(201, "POST", "/groups/team/members", {"username": name})
        self.admin.expect(200, "PUT", "/groups/team/quota", {"maxSessions": 3})
        self.admin.expect(200, "PUT", "/users/ann/quota", {"maxSessions": 2})
        ann.create()
        ann.create()
        self.refused(ann.api("POST", "/sessions", {"template": "terminal"}), "user", "ann", "sessions", 2, 2)
        ben.create()
        self.refused(ben.api("POST", "/sessions", {"template": "terminal"}), "group", "team", "sessions", 3, 3)
        # Nor does an operator get past it on ben's behalf.
        self.refused(self.admin.api("POST", "/sessions", {"template": "terminal", "user": "ben"}), "group", "team", "sessions",
                     3, 3)
        self.admin.expect(204, "DELETE", "/groups/team/members/ann")
        self.assertEqual(self.admin.expect(200, "GET", "/groups/team/quota")["used"]["sessions"], 1)
        ben.create()

    def test_a_hundred_at_once_against_five(self):
        crowd = self.as_user("crowd")
        self.admin.expect(200, "PUT", "/users/crowd/quota", {"maxSessions": 5})
        answers, start = [], threading.Barrier(100)

        def create():
            client = self.server.anonymous()
            client.token = crowd.token
            start.wait(30)
            answers.append(client.api("POST", "/sessions", {"template": "terminal"}))
            client.close()
        threads = [threading.Thread(target=create) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        made = [answer.json["name"] for answer in answers if answer.status == 200]
        self.assertEqual((len(answers), len(made), len(set(made))), (100, 5, 5))
        for answer in answers:
            if answer.status != 200:
                self.refused(answer, "user", "crowd", "sessions", 5, 5)
        self.assertEqual(crowd.expect(200, "GET", "/sessions")["total"], 5)
        self.assertEqual(crowd.expect(200, "GET", "/users/me/quota")["used"]["sessions"], 5)

    def test_two_of_a_group_at_once_against_five(self):
        self.admin.expect(201, "POST", "/groups", {"name": "pair"})
        pair = [self.as_user("left"), self.as_user("right")]
        for name in ("left", "right"):
            self.admin.expect(201, "POST", "/groups/pair/members", {"username": name})
        self.admin.expect(200, "PUT", "/groups/pair/quota", {"maxCpu": "500m"})
        statuses, start = [], threading.Barrier(40)

        def create(token):
            client = self.server.anonymous()
            client.token = token
            start.wait(30)
            statuses.append(client.api("POST", "/sessions", {"template": "terminal"}).status)
            client.close()
        threads = [threading.Thread(target=create, args=(pair[i % 2].token,)) for i in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(statuses), [200] * 5 + [403] * 35)  # terminals of 100m


class Audited(ApiTest):
    """A server of its own: floods of refusals, as above, are not written down one by one."""

    def test_what_was_changed_and_what_was_refused(self):
        self.admin.expect(201, "POST", "/groups", {"name": "quiet"})
        hasty = self.as_user("hasty")
        self.admin.expect(201, "POST", "/groups/quiet/members", {"username": "hasty"})
        self.admin.expect(200, "PUT", "/groups/quiet/quota", {"maxSessions": 0, "maxMemory": "1Gi"})
        problem(self, hasty.api("POST", "/sessions", {"template": "terminal"}), 403, "quota_exceeded")
        problem(self, hasty.api("GET", "/groups/quiet"), 404, "group_not_found")
        problem(self, hasty.api("GET", "/users/admin/quota"), 404, "user_not_found")
        self.admin.expect(204, "DELETE", "/groups/quiet/quota")
        wait_for("the refusals are written down", lambda: len(self.admin.expect(
            200, "GET", "/audit?user=hasty&outcome=refused")["entries"]) == 3)
        entries = self.admin.expect(200, "GET", "/audit?target=quiet&outcome=allowed")["entries"]
        self.assertEqual([(entry["action"], entry["detail"]) for entry in entries][::-1],
                         [("group.create", None), ("group.add-member", "hasty as member"),
                          ("group.set-quota", "sessions 0, cpu none, memory 1Gi, storage none"), ("group.clear-quota", None)])


if __name__ == "__main__":
    unittest.main()
