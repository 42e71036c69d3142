"""Signing in: tokens, cookies, CSRF, refresh, logout, passwords, limits."""
import base64
import hashlib
import hmac
import json
import time
import unittest

from apitest import ApiTest, cookies_of, problem
from streamspace import PASSWORD, Server, wait_for


class Login(ApiTest):
    def test_tokens_and_user(self):
        answer = self.server.anonymous().expect(200, "POST", "/auth/login", {"username": "admin", "password": PASSWORD})
        self.assertEqual(set(answer), {"token", "refreshToken", "expiresAt", "user"})
        self.assertEqual(answer["user"]["username"], "admin")
        self.assertEqual(answer["user"]["role"], "admin")
        self.assertNotIn("password", json.dumps(answer).lower())
        self.assertRegex(answer["expiresAt"], r"^\d{4}-\d\d-\d\dT[\d:.]+Z$")
        me = self.admin.expect(200, "GET", "/auth/me")
        self.assertEqual(me["username"], "admin")

    def test_wrong_password_and_unknown_user_are_alike(self):
        client = self.server.anonymous()
        wrong = client.api("POST", "/auth/login", {"username": "admin", "password": "not the password"})
        unknown = client.api("POST", "/auth/login", {"username": "nobody-here", "password": "not the password"})
        for answer in (wrong, unknown):
            problem(self, answer, 401, "bad_credentials")
        self.assertEqual({k: v for k, v in wrong.json.items() if k != "requestId"},
                         {k: v for k, v in unknown.json.items() if k != "requestId"})

    def test_tokens_that_are_none(self):
        good = self.admin.token
        head, body, signature = good.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        claims["sub"] = "admin"

        def b64(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

        none = b64(b'{"alg":"none","typ":"JWT"}')
        guess = b64(json.dumps({**json.loads(base64.urlsafe_b64decode(head + "=="))}).encode())
        signed = b64(hmac.new(b"secret", f"{guess}.{body}".encode(), hashlib.sha256).digest())
        for token in ("", "x", "a.b.c", good[:-2], good + "A", f"{none}.{body}.", f"{head}.{body}.",
                      f"{guess}.{body}.{signed}", f"{head}.{b64(json.dumps(claims).encode())}.{signature}",
                      "x" * 5000):
            answer = self.server.anonymous().api("GET", "/auth/me", headers={"Authorization": f"Bearer {token}"})
            self.assertEqual(answer.status, 401, token[:80])
            self.assertIn("Bearer", answer.headers["WWW-Authenticate"])
        for value in ("Basic YWRtaW46YWRtaW4=", f"Token {good}", "Bearer"):
            answer = self.server.anonymous().api("GET", "/auth/me", headers={"Authorization": value})
            self.assertEqual(answer.status, 401, value)

    def test_refresh_rotates_and_a_second_use_ends_the_login(self):
        client = self.server.anonymous()
        first = client.expect(200, "POST", "/auth/login", {"username": "admin", "password": PASSWORD})
        second = client.expect(200, "POST", "/auth/refresh", {"refreshToken": first["refreshToken"]})
        self.assertNotEqual(first["refreshToken"], second["refreshToken"])
        client.token = second["token"]
        client.expect(200, "GET", "/auth/me")
        problem(self, client.api("POST", "/auth/refresh", {"refreshToken": first["refreshToken"]}), 401)
        problem(self, client.api("GET", "/auth/me"), 401)
        problem(self, client.api("POST", "/auth/refresh", {"refreshToken": second["refreshToken"]}), 401)
        problem(self, client.api("POST", "/auth/refresh", {"refreshToken": "f" * 64}), 401)

    def test_logout_ends_this_login_only(self):
        one, two = self.server.client(), self.server.client()
        one.expect(204, "POST", "/auth/logout")
        problem(self, one.api("GET", "/auth/me"), 401)
        two.expect(200, "GET", "/auth/me")

    def test_change_password(self):
        self.make_user("changer")
        one, two = self.client("changer"), self.client("changer")
        new = "another good password"
        problem(self, one.api("POST", "/auth/change-password",
                              {"currentPassword": "wrong wrong wrong", "newPassword": new}), 400, "wrong_password",
                field="currentPassword")
        problem(self, one.api("POST", "/auth/change-password", {"currentPassword": PASSWORD, "newPassword": "short"}),
                400, field="newPassword")
        one.expect(204, "POST", "/auth/change-password", {"currentPassword": PASSWORD, "newPassword": new})
        one.expect(200, "GET", "/auth/me")
        problem(self, two.api("GET", "/auth/me"), 401)
        problem(self, self.server.anonymous().api("POST", "/auth/login",
                                                  {"username": "changer", "password": PASSWORD}), 401)
        self.server.client("changer", new)


class Cookies(ApiTest):
    def sign_in(self):
        client = self.server.anonymous()
        answer = client.api("POST", "/auth/login", {"username": "admin", "password": PASSWORD})
        return client, answer, cookies_of(answer)

    def test_attributes(self):
        _, answer, cookies = self.sign_in()
        self.assertEqual(set(cookies), {"streamspace_session", "csrf_token"})
        for line in answer.headers.get_all("Set-Cookie"):
            self.assertIn("SameSite=Lax", line)
            self.assertIn("Path=/", line)
            self.assertNotIn("Domain", line)
            self.assertNotIn("Secure", line)
            self.assertEqual("HttpOnly" in line, line.startswith("streamspace_session="))
        self.assertNotIn(cookies["streamspace_session"], answer.body.decode())

    def test_changes_need_the_csrf_token(self):
        client, _, cookies = self.sign_in()
        other = cookies_of(self.sign_in()[1])
        cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items())}
        self.assertEqual(client.api("GET", "/auth/me", headers=cookie).status, 200)
        problem(self, client.api("POST", "/sessions", {"template": "terminal"}, headers=cookie), 403, "csrf")
        for token in ("", "x", other["csrf_token"], cookies["csrf_token"][:-1], cookies["streamspace_session"]):
            problem(self, client.api("POST", "/auth/logout", headers={**cookie, "X-CSRF-Token": token}), 403, "csrf")
        planted = {"Cookie": f"streamspace_session={cookies['streamspace_session']}; csrf_token=planted",
                   "X-CSRF-Token": "planted"}
        problem(self, client.api("POST", "/auth/logout", headers=planted), 403, "csrf")
        answer = client.api("POST", "/auth/logout", headers={**cookie, "X-CSRF-Token": cookies["csrf_token"]})
        self.assertEqual(answer.status, 204)
        self.assertTrue(all("Max-Age=0" in line for line in answer.headers.get_all("Set-Cookie")))
        problem(self, client.api("GET", "/auth/me", headers=cookie), 401)

    def test_bearer_is_exempt(self):
        self.admin.expect(400, "POST", "/sessions", {})

    def test_bad_cookies(self):
        for value in ("", "x", "0" * 64, "a" * 4000, "%00", "../../x"):
            answer = self.server.anonymous().api("GET", "/auth/me", headers={"Cookie": f"streamspace_session={value}"})
            problem(self, answer, 401)

    def test_behind_https_the_cookies_are_bound_to_the_host(self):
        server = Server(arguments=["--public-url=https://desk.example.org"])
        self.addCleanup(server.close)
        answer = server.anonymous().api("POST", "/auth/login", {"username": "admin", "password": PASSWORD})
        cookies = cookies_of(answer)
        self.assertEqual(set(cookies), {"__Host-streamspace_session", "__Host-csrf_token"})
        for line in answer.headers.get_all("Set-Cookie"):
            self.assertIn("; Secure", line)
        name = "__Host-streamspace_session"
        self.assertEqual(server.anonymous().api("GET", "/auth/me", headers={"Cookie": f"{name}={cookies[name]}"}).status,
                         200)
        plain = {"Cookie": f"streamspace_session={cookies[name]}"}
        self.assertEqual(server.anonymous().api("GET", "/auth/me", headers=plain).status, 401)


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def test_failures_are_limited_and_successes_are_not(self):
        for _ in range(15):
            self.server.client().close()
        client = self.server.anonymous()
        statuses = []
        for _ in range(14):
            answer = client.api("POST", "/auth/login", {"username": "victim", "password": "wrong wrong wrong"})
            statuses.append(answer.status)
        self.assertEqual(statuses[:10], [401] * 10)
        self.assertEqual(statuses[-1], 429)
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        self.assertEqual(answer.json["code"], "rate_limited")
        # Another account from the same place goes on.
        self.server.client().expect(200, "GET", "/auth/me")

    def test_many_sign_ins_at_once_leave_the_server_responsive(self):
        import threading
        results = []

        def sign_in():
            results.append(self.server.anonymous().api("POST", "/auth/login",
                                                       {"username": "admin", "password": PASSWORD}).status)
        threads = [threading.Thread(target=sign_in) for _ in range(24)]
        for thread in threads:
            thread.start()
        worst = 0
        client = self.server.anonymous()
        while any(thread.is_alive() for thread in threads):
            begin = time.monotonic()
            self.assertEqual(client.request("GET", "/health").status, 200)
            worst = max(worst, time.monotonic() - begin)
        for thread in threads:
            thread.join()
        self.assertEqual(set(results), {200})
        self.assertLess(worst, 1.0)


if __name__ == "__main__":
    unittest.main()
