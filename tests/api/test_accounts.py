"""Accounts: making, changing and removing users, and API keys with their scopes."""
import json
import threading
import time
import unittest

from apitest import ApiTest, problem
from robot_agent import RobotAgent
from streamspace import PASSWORD, Client, wait_for
from test_events import Watcher
from websocket import Closed

OTHER = "another good long one"


def audit(server, action):
    """Rows of the audit log, read beside the server."""
    return server.sql("SELECT username, target, outcome, detail FROM audit_log WHERE action = ? ORDER BY id", (action,))


def watch(test, client):
    watcher = Watcher(test.server, client.token)
    test.addCleanup(watcher.close)
    test.assertEqual(watcher.response.status, 200)
    return watcher


def wait_end(watcher):
    try:
        while True:
            watcher.next()
    except EOFError:
        pass


def close_code(stream):
    try:
        while True:
            stream.receive(5)
    except Closed as closed:
        return closed.code


class Users(ApiTest):
    def make(self, username, **fields):
        return self.admin.expect(201, "POST", "/users", {"username": username, "password": PASSWORD, **fields})

    def test_what_a_user_looks_like(self):
        made = self.make("looks", email="l@example.org", fullName="Looks")
        self.assertEqual(set(made), {"username", "email", "fullName", "role", "active", "mfaEnabled", "groups",
                                     "createdAt", "updatedAt", "lastLoginAt"})
        self.assertEqual((made["mfaEnabled"], made["groups"], made["lastLoginAt"]), (False, [], None))
        client = self.client("looks")
        self.assertIsNotNone(client.expect(200, "GET", "/users/me")["lastLoginAt"])
        self.assertEqual(client.expect(200, "GET", "/users/me"), client.expect(200, "GET", "/auth/me"))
        self.assertEqual(client.expect(200, "GET", "/users/looks"), self.admin.expect(200, "GET", "/users/looks"))
        self.admin.expect(201, "POST", "/groups", {"name": "lookers"})
        self.admin.expect(201, "POST", "/groups/lookers/members", {"username": "looks"})
        self.assertEqual(client.expect(200, "GET", "/auth/me")["groups"], ["lookers"])
        problem(self, client.api("GET", "/users/admin"), 404, "user_not_found")
        problem(self, client.api("GET", "/users/nobody-at-all"), 404, "user_not_found")
        problem(self, self.admin.api("GET", "/users/nobody-at-all"), 404, "user_not_found")

    def test_filters(self):
        self.make("filter-a", fullName="Ada 100% Lovelace", role="operator")
        self.make("filter-b", email="ada@example.org")
        self.admin.expect(200, "PATCH", "/users/filter-b", {"active": False})

        def names(query):
            answer = self.admin.expect(200, "GET", f"/users?{query}")
            found = [user["username"] for user in answer["users"]]
            self.assertEqual(answer["total"], len(found))
            return found
        self.assertEqual(names("search=ADA"), ["filter-a", "filter-b"])
        self.assertEqual(names("search=100%25"), ["filter-a"])
        self.assertEqual(names("search=filter&role=operator"), ["filter-a"])
        self.assertEqual(names("search=filter&active=false"), ["filter-b"])
        self.assertEqual(names("search=filter&active=true"), ["filter-a"])
        for query, field in (("role=king", "role"), ("active=1", "active"), ("limit=0", "limit"), ("x=1", "x")):
            problem(self, self.admin.api("GET", f"/users?{query}"), 400, field=field)

    def test_of_oneself_only_name_and_address(self):
        self.make("self")
        client = self.client("self")
        changed = client.expect(200, "PATCH", "/users/me", {"email": "self@example.org", "fullName": "Self"})
        self.assertEqual((changed["email"], changed["fullName"]), ("self@example.org", "Self"))
        self.assertEqual(client.expect(200, "PATCH", "/users/self", {"fullName": None})["fullName"], None)
        self.assertEqual(client.expect(200, "PATCH", "/users/self", {})["email"], "self@example.org")
        for body in ({"role": "admin"}, {"active": True}, {"password": OTHER}, {"email": "a@b", "role": "user"}):
            problem(self, client.api("PATCH", "/users/me", body), 403)
        self.assertEqual(client.expect(200, "GET", "/users/me")["role"], "user")
        problem(self, client.api("PATCH", "/users/me", {"email": "nowhere"}), 400, field="email")
        problem(self, client.api("PATCH", "/users/me", {"username": "other"}), 400, field="username")
        problem(self, client.api("PATCH", "/users/admin", {"fullName": "x"}), 404)
        problem(self, self.admin.api("PATCH", "/users/me", {"password": OTHER}), 403, "use_change_password")

    def test_a_reset_ends_the_logins(self):
        self.make("reset")
        before = self.client("reset")
        problem(self, self.admin.api("PATCH", "/users/reset", {"password": "short"}), 400, "weak_password", "password")
        before.expect(200, "GET", "/auth/me")
        self.admin.expect(200, "PATCH", "/users/reset", {"password": OTHER})
        problem(self, before.api("GET", "/auth/me"), 401)
        problem(self, self.server.anonymous().api("POST", "/auth/login", {"username": "reset", "password": PASSWORD}),
                401, "bad_credentials")
        self.server.client("reset", OTHER).expect(200, "GET", "/auth/me")
        self.assertIn(("admin", "reset", "allowed", None), audit(self.server, "user.password"))

    def test_another_name_alone_ends_nothing(self):
        self.make("calm")
        client = self.client("calm")
        self.admin.expect(200, "PATCH", "/users/calm", {"fullName": "Calm", "role": "user", "active": True})
        client.expect(200, "GET", "/auth/me")

    def test_a_new_role_counts_at_once(self):
        self.make("riser")
        before = self.client("riser")
        problem(self, before.api("GET", "/agents"), 403)
        self.admin.expect(200, "PATCH", "/users/riser", {"role": "operator"})
        problem(self, before.api("GET", "/agents"), 401)
        self.client("riser").expect(200, "GET", "/agents")
        self.assertIn(("admin", "riser", "allowed", "from user to operator"), audit(self.server, "user.role"))

    def test_the_last_administrator_stays(self):
        problem(self, self.admin.api("PATCH", "/users/me", {"active": False}), 409, "last_admin")
        problem(self, self.admin.api("PATCH", "/users/admin", {"role": "user"}), 409, "last_admin")
        problem(self, self.admin.api("DELETE", "/users/admin"), 409, "last_admin")
        self.make("second", role="admin")
        second = self.client("second")
        self.admin.expect(200, "PATCH", "/users/second", {"active": False})
        problem(self, self.admin.api("DELETE", "/users/me"), 409, "last_admin")
        problem(self, second.api("GET", "/users"), 401)
        self.admin.expect(200, "PATCH", "/users/second", {"active": True, "role": "user"})

    def test_two_administrators_cannot_remove_each_other(self):
        for _ in range(5):
            self.make("twin", role="admin")
            twin = self.client("twin")
            answers = []
            threads = [threading.Thread(target=lambda c=c, n=n: answers.append(
                c.api("PATCH", f"/users/{n}", {"role": "user"}).status)) for c, n in ((self.admin, "twin"), (twin, "admin"))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(answers.count(200), 1, answers)
            if self.admin.api("GET", "/users").status != 200:  # the twin was faster
                self.client("twin").expect(200, "PATCH", "/users/admin", {"role": "admin"})
                type(self).admin = self.server.client()
                self.admin.expect(200, "PATCH", "/users/twin", {"role": "user"})
            self.admin.expect(204, "DELETE", "/users/twin")

    def test_removing(self):
        robot = RobotAgent(self.server, "robot-del")
        self.addCleanup(robot.close)
        self.make("leaver")
        client = self.client("leaver")
        key = client.expect(201, "POST", "/api-keys", {"name": "k"})["key"]
        name = client.create()
        client.wait_state(name, "running")
        problem(self, self.admin.api("DELETE", "/users/leaver"), 409, "user_has_sessions")
        client.expect(202, "DELETE", f"/sessions/{name}")
        client.wait_state(name, "terminated")
        self.assertEqual(self.admin.api("DELETE", "/users/leaver").status, 204)
        problem(self, self.admin.api("GET", "/users/leaver"), 404)
        problem(self, self.admin.api("DELETE", "/users/leaver"), 404)
        problem(self, client.api("GET", "/auth/me"), 401)
        problem(self, Client(self.server.url, key).api("GET", "/auth/me"), 401)
        problem(self, self.admin.api("GET", f"/sessions/{name}"), 404)
        self.assertIn(("admin", "leaver", "allowed", None), audit(self.server, "user.delete"))
        # The name is free again, and nothing of the old account comes with it.
        self.make("leaver")
        problem(self, client.api("GET", "/auth/me"), 401)
        self.assertEqual(self.client("leaver").expect(200, "GET", "/api-keys")["total"], 0)


class Deactivation(ApiTest):
    """What a user watches closes within a second."""

    def test_streams_and_tokens_end(self):
        robot = RobotAgent(self.server, "robot-off")
        self.addCleanup(robot.close)
        for change in ({"active": False}, {"role": "operator"}, {"password": OTHER}):
            with self.subTest(change=change):
                user = "off-" + next(iter(change))
                self.admin.expect(201, "POST", "/users", {"username": user, "password": PASSWORD})
                client = self.client(user)
                key = Client(self.server.url, client.expect(201, "POST", "/api-keys", {"name": "k"})["key"])
                name = client.create()
                client.wait_state(name, "running")
                streams = [client.stream(name), key.stream(name)]
                events = [watch(self, client), watch(self, key)]
                begin = time.monotonic()
                self.admin.expect(200, "PATCH", f"/users/{user}", change)
                for stream in streams:
                    self.assertEqual(close_code(stream), 4102)
                for watcher in events:
                    wait_end(watcher)
                self.assertLess(time.monotonic() - begin, 1.0)
                problem(self, client.api("GET", "/auth/me"), 401)
                # Keys are not logins: with the account active, they work on with what the user may now.
                self.assertEqual(key.api("GET", "/auth/me").status, 401 if "active" in change else 200)
                if "active" in change:
                    problem(self, self.server.anonymous().api("POST", "/auth/login", {
                        "username": user, "password": PASSWORD}), 403, "user_disabled")
                    self.admin.expect(200, "PATCH", f"/users/{user}", {"active": True})
                    key.expect(200, "GET", "/auth/me")
                    problem(self, client.api("GET", "/auth/me"), 401)


class ApiKeys(ApiTest):
    def make(self, client=None, **fields):
        return (client or self.admin).expect(201, "POST", "/api-keys", {"name": "test", **fields})

    def with_key(self, key):
        return Client(self.server.url, key)

    def test_life_of_a_key(self):
        made = self.make(name="nightly ✓", scopes=["sessions:write", "templates:read"], expiresAt="2091-01-31T12:00:00+02:00")
        self.assertEqual(set(made), {"id", "name", "user", "prefix", "scopes", "createdAt", "expiresAt", "lastUsedAt", "key"})
        self.assertRegex(made["key"], "^ss_[0-9a-f]{64}$")
        self.assertTrue(made["key"].startswith(made["prefix"]))
        self.assertEqual((made["name"], made["scopes"], made["expiresAt"], made["lastUsedAt"]),
                         ("nightly ✓", ["sessions:write", "templates:read"], "2091-01-31T10:00:00.000Z", None))
        self.with_key(made["key"]).expect(200, "GET", "/auth/me")
        listed = [key for key in self.admin.expect(200, "GET", "/api-keys?limit=200")["apiKeys"] if key["id"] == made["id"]][0]
        self.assertNotIn("key", listed)
        self.assertIsNotNone(listed["lastUsedAt"])
        self.assertEqual(self.admin.api("DELETE", f"/api-keys/{made['id']}").status, 204)
        problem(self, self.with_key(made["key"]).api("GET", "/auth/me"), 401, "bad_token")
        problem(self, self.admin.api("DELETE", f"/api-keys/{made['id']}"), 404, "api_key_not_found")
        for target in ("x", "-1", "99999999999999999999", "0"):
            problem(self, self.admin.api("DELETE", f"/api-keys/{target}"), 404)

    def test_bad_fields(self):
        for body, field in (({}, "name"), ({"name": ""}, "name"), ({"name": "x" * 65}, "name"), ({"name": "a\nb"}, "name"),
                            ({"name": "a", "scopes": ["sessions"]}, "scopes"),
                            ({"name": "a", "scopes": ["sessions:admin"]}, "scopes"),
                            ({"name": "a", "scopes": ["everything:read"]}, "scopes"),
                            ({"name": "a", "expiresAt": "tomorrow"}, "expiresAt"),
                            ({"name": "a", "expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
                            ({"name": "a", "key": "ss_mine"}, "key")):
            problem(self, self.admin.api("POST", "/api-keys", body), 400, field=field)

    def test_keys_that_are_none(self):
        good = self.make()["key"]
        for key in ("ss_", "ss_x", good[:-1], good + "0", good.upper(), good.replace("ss_", "ss_0")[:-1], "ss_" + "0" * 64):
            problem(self, self.with_key(key).api("GET", "/auth/me"), 401, "bad_token")
        # A key is no cookie and no refresh token.
        problem(self, self.server.anonymous().api("GET", "/auth/me", headers={"Cookie": f"streamspace_session={good}"}), 401)
        problem(self, self.server.anonymous().api("POST", "/auth/refresh", {"refreshToken": good}), 401)

    def test_a_key_makes_no_keys_and_changes_no_sign_in(self):
        key = self.with_key(self.make()["key"])
        for method, path, body in (("GET", "/api-keys", None), ("POST", "/api-keys", {"name": "more"}),
                                   ("DELETE", "/api-keys/1", None), ("POST", "/auth/logout", None),
                                   ("POST", "/auth/change-password", {"currentPassword": PASSWORD, "newPassword": OTHER})):
            problem(self, key.api(method, path, body), 403, "api_key_refused")
        key.expect(200, "GET", "/users")

    def test_scopes(self):
        read = self.with_key(self.make(scopes=["users:read"])["key"])
        read.expect(200, "GET", "/users")
        read.expect(200, "GET", "/auth/me")
        problem(self, read.api("POST", "/users", {}), 403, "insufficient_scope")
        problem(self, read.api("PATCH", "/users/me", {"fullName": "x"}), 403, "insufficient_scope")
        for path in ("/sessions", "/templates", "/agents", "/groups", "/events", "/dashboard", "/commands"):
            problem(self, read.api("GET", path), 403, "insufficient_scope")
        write = self.with_key(self.make(scopes=["users:write"])["key"])
        write.expect(200, "GET", "/users")
        write.expect(200, "PATCH", "/users/me", {"fullName": "By key"})
        problem(self, write.api("GET", "/groups"), 403, "insufficient_scope")

    def test_a_scope_gives_nothing_that_the_user_has_not(self):
        user = self.as_user("keyholder")
        key = self.with_key(self.make(user, scopes=["users:write", "agents:write"])["key"])
        problem(self, key.api("GET", "/users"), 403, "forbidden")
        problem(self, key.api("GET", "/agents"), 403, "forbidden")
        self.assertEqual(key.expect(200, "GET", "/users/me")["username"], "keyholder")

    def test_whose_they_are(self):
        user, other = self.as_user("mine"), self.as_user("theirs")
        made = self.make(user)
        self.assertEqual([key["id"] for key in user.expect(200, "GET", "/api-keys")["apiKeys"]], [made["id"]])
        self.assertEqual(other.expect(200, "GET", "/api-keys")["apiKeys"], [])
        problem(self, other.api("GET", "/api-keys?user=mine"), 403)
        problem(self, other.api("DELETE", f"/api-keys/{made['id']}"), 404)
        self.assertEqual(self.admin.expect(200, "GET", "/api-keys?user=mine")["total"], 1)
        problem(self, self.admin.api("GET", "/api-keys?user=nobody-at-all"), 404)
        self.assertEqual(self.admin.api("DELETE", f"/api-keys/{made['id']}").status, 204)

    def test_pages(self):
        user = self.as_user("pager")
        ids = [self.make(user, name=f"k{number}")["id"] for number in range(5)]
        seen, cursor = [], ""
        while True:
            page = user.expect(200, "GET", f"/api-keys?limit=2{cursor}")
            self.assertEqual(page["total"], 5)
            seen += [key["id"] for key in page["apiKeys"]]
            if not page["nextCursor"]:
                break
            cursor = f"&cursor={page['nextCursor']}"
        self.assertEqual(seen, ids)
        problem(self, user.api("GET", "/api-keys?cursor=x"), 400, field="cursor")

    def test_there_is_a_limit(self):
        user = self.as_user("collector")
        for number in range(100):
            self.make(user, name=str(number))
        problem(self, user.api("POST", "/api-keys", {"name": "one more"}), 409, "too_many_keys")

    def test_expiry(self):
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        key = self.with_key(self.make(expiresAt=soon)["key"])
        key.expect(200, "GET", "/auth/me")
        wait_for("expired", lambda: key.api("GET", "/auth/me").status == 401, 10)
        problem(self, key.api("GET", "/auth/me"), 401, "token_expired")

    def test_what_a_key_opened_ends_with_it(self):
        robot = RobotAgent(self.server, "robot-key")
        self.addCleanup(robot.close)
        made, kept = self.make(), self.make()
        key, other = self.with_key(made["key"]), self.with_key(kept["key"])
        name = key.create()
        key.wait_state(name, "running")
        stream, ticket, watcher = key.stream(name), key.ticket(name), watch(self, key)
        going_on = other.stream(name)
        begin = time.monotonic()
        self.assertEqual(self.admin.api("DELETE", f"/api-keys/{made['id']}").status, 204)
        self.assertEqual(close_code(stream), 4102)
        wait_end(watcher)
        self.assertLess(time.monotonic() - begin, 1.0)
        problem(self, self.server.anonymous().request("GET", ticket["url"], headers={
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}), 401)
        going_on.send(b"RFB 003.008\n")
        going_on.close()

    def test_no_key_stands_in_database_log_or_audit(self):
        key = self.make(name="secretive")["key"]
        self.with_key(key).expect(200, "GET", "/users")
        kept = self.server.data.dump()
        self.assertIn(b"secretive", kept)
        for place in (kept, self.server.output.encode(), json.dumps(audit(self.server, "api_key.create")).encode()):
            self.assertNotIn(key[4:].encode(), place)
        self.assertIn(("admin", f"{key[:11]} secretive", "allowed", None), audit(self.server, "api_key.create"))


if __name__ == "__main__":
    unittest.main()
