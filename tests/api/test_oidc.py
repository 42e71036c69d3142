"""Signing in at a real identity provider (OpenID Connect), and what must not get through."""
import base64
import json
import unittest
import urllib.parse

from apitest import ApiTest, problem
from oidc_provider import SECRET, Browser, Provider
from streamspace import PASSWORD, Server, wait_for

LOGIN, CALLBACK = "/api/v1/auth/oidc/login", "/api/v1/auth/oidc/callback"


class Oidc(ApiTest):
    ALGORITHM = "RS256"

    @classmethod
    def setUpClass(cls):
        cls.server = Server(arguments=["--log-level=debug"], env={"STREAMSPACE_OIDC_CLIENT_SECRET": SECRET})
        cls.addClassCleanup(cls.server.close)
        cls.admin = cls.server.client()
        cls.clients = {}
        cls.provider = Provider(cls.ALGORITHM, cls.server.url + CALLBACK)
        cls.addClassCleanup(cls.provider.close)
        cls.admin.expect(200, "PATCH", "/settings", {
            "oidc-issuer": cls.provider.issuer, "oidc-client-id": "streamspace", "oidc-name": "Test ID",
            "oidc-admin-group": "chiefs", "oidc-operator-group": "keepers"})
        for group in ("staff", "students"):
            cls.admin.expect(201, "POST", "/groups", {"name": group})

    def settings(self, **values):
        """Changes settings for this test."""
        was = {entry["name"]: entry for entry in self.admin.expect(200, "GET", "/settings")["settings"]}
        names = {name.replace("_", "-"): value for name, value in values.items()}
        self.admin.expect(200, "PATCH", "/settings", names)
        back = {name: was[name]["value"] if was[name]["source"] == "database" else None for name in names}
        self.addCleanup(lambda: self.admin.expect(200, "PATCH", "/settings", back))

    def sign_in(self, person, next_path="/sessions", browser=None):
        """(browser, Location of the callback's answer)"""
        browser = browser or Browser()
        back = browser.sign_in(f"{self.server.url}{LOGIN}?next={urllib.parse.quote(next_path)}", person,
                               self.server.url + CALLBACK)
        status, location, _ = browser.step(back)
        self.assertEqual(status, 303)
        return browser, location

    def me(self, browser):
        status, _, text = browser.step(self.server.url + "/api/v1/auth/me")
        return json.loads(text) if status == 200 else None

    def error_of(self, location):
        parts = urllib.parse.urlsplit(location)
        self.assertEqual(parts.path, "/login", location)
        return urllib.parse.parse_qs(parts.query)["error"][0]

    # --- what works ---

    def test_the_sign_in_page_knows(self):
        methods = self.server.anonymous().expect(200, "GET", "/auth/methods")
        self.assertEqual(methods["oidc"], {"name": "Test ID", "url": LOGIN})

    def test_a_new_person_becomes_a_user(self):
        browser, location = self.sign_in("alice+staff+unheard-of")
        self.assertEqual(location, self.server.url + "/sessions")
        self.assertIn("csrf_token", browser.cookies())
        self.assertNotIn("streamspace_oidc", browser.cookies())
        me = self.me(browser)
        self.assertEqual((me["username"], me["role"], me["fullName"], me["email"], me["groups"]),
                         ("alice", "user", "alice of the tests", "alice@example.org", ["staff"]))
        answer = self.admin.expect(200, "GET", "/audit?action=user.create&target=alice")
        self.assertEqual([entry["outcome"] for entry in answer["entries"]], ["allowed"])
        # no password: that door stays shut
        problem(self, self.server.anonymous().api("POST", "/auth/login", {"username": "alice", "password": PASSWORD}), 401,
                "bad_credentials")

    def test_the_same_person_is_the_same_user_and_follows_the_claims(self):
        self.sign_in("bert+staff")
        browser, _ = self.sign_in("bert+students+keepers")
        me = self.me(browser)
        self.assertEqual((me["username"], me["role"], me["groups"]), ("bert", "operator", ["students"]))
        # a membership that was given by hand stays
        self.admin.expect(201, "POST", "/groups/staff/members", {"username": "bert"})
        browser, _ = self.sign_in("bert+chiefs")
        me = self.me(browser)
        self.assertEqual((me["role"], me["groups"]), ("admin", ["staff"]))
        browser, _ = self.sign_in("bert")
        self.assertEqual(self.me(browser)["role"], "user")

    def test_names_are_made_fit_and_do_not_collide(self):
        self.make_user("carol")
        browser, _ = self.sign_in("Carol@Example.org")
        self.assertEqual(self.me(browser)["username"], "carol-2")
        browser, _ = self.sign_in("Carol@Example.org")
        self.assertEqual(self.me(browser)["username"], "carol-2")
        browser, _ = self.sign_in("Søren Kierkegaard")
        self.assertRegex(self.me(browser)["username"], "^s--ren-kierkegaard$")

    def test_accounts_are_linked_by_name_only_where_that_is_wanted(self):
        self.make_user("dora", "operator")
        self.settings(oidc_link_by_name=True)
        browser, _ = self.sign_in("dora+keepers")
        me = self.me(browser)
        self.assertEqual((me["username"], me["role"]), ("dora", "operator"))

    def test_logout_ends_it(self):
        browser, _ = self.sign_in("emil")
        user = self.server.anonymous()
        cookies = browser.cookies()
        answer = user.api("POST", "/auth/logout", headers={
            "Cookie": f"streamspace_session={cookies['streamspace_session']}; csrf_token={cookies['csrf_token']}",
            "X-CSRF-Token": cookies["csrf_token"]})
        self.assertEqual(answer.status, 204)
        self.assertIsNone(self.me(browser))

    # --- what does not ---

    def test_unknown_people_stay_out_where_users_are_made_by_hand(self):
        self.settings(oidc_create_users=False)
        browser, location = self.sign_in("frida")
        self.assertEqual(self.error_of(location), "user_unknown")
        self.assertIsNone(self.me(browser))
        self.assertEqual(self.admin.api("GET", "/users/frida").status, 404)

    def test_a_disabled_account_stays_out(self):
        self.sign_in("gustav")
        self.admin.expect(200, "PATCH", "/users/gustav", {"active": False})
        browser, location = self.sign_in("gustav")
        self.assertEqual(self.error_of(location), "user_disabled")
        self.assertIsNone(self.me(browser))
        wait_for("the refusal is in the audit log", lambda: [
            entry for entry in self.admin.expect(200, "GET", "/audit?action=login.create&outcome=refused")["entries"]
            if entry["detail"] == "user_disabled"])

    def test_who_changes_his_mind(self):
        browser = Browser()
        back = browser.sign_in(self.server.url + LOGIN, "hanna", self.server.url + CALLBACK, refuse=True)
        _, location, _ = browser.step(back)
        self.assertEqual(self.error_of(location), "oidc_denied")
        self.assertIsNone(self.me(browser))

    def test_a_code_of_another_browser_does_not_sign_in(self):
        """Login CSRF: the victim's browser is made to visit the attacker's callback."""
        attacker, victim = Browser(), Browser()
        back = attacker.sign_in(self.server.url + LOGIN, "ivan", self.server.url + CALLBACK)
        _, location, _ = victim.step(back)
        self.assertEqual(self.error_of(location), "oidc_expired")
        victim.step(self.server.url + LOGIN)  # one that has begun a sign-in of its own
        _, location, _ = victim.step(back)
        self.assertEqual(self.error_of(location), "oidc_expired")
        self.assertIsNone(self.me(victim))

    def test_a_code_is_good_once(self):
        browser = Browser()
        back = browser.sign_in(self.server.url + LOGIN, "jana", self.server.url + CALLBACK)
        kept = browser.cookies()["streamspace_oidc"]
        browser.step(back)
        self.assertEqual(self.me(browser)["username"], "jana")
        again = self.server.anonymous().request("GET", back[len(self.server.url):], headers={
            "Cookie": f"streamspace_oidc={kept}"})
        self.assertEqual(again.status, 303)
        self.assertEqual(self.error_of(again.headers["Location"]), "oidc_refused")

    def test_crooked_callbacks(self):
        browser = Browser()
        back = browser.sign_in(self.server.url + LOGIN, "kurt", self.server.url + CALLBACK)
        kept = browser.cookies()["streamspace_oidc"]
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
        cases = [({**query, "state": query["state"][:-1]}, kept, "oidc_expired"),
                 ({**query, "state": "A" * len(query["state"])}, kept, "oidc_expired"),
                 ({**query, "code": "made up"}, kept, "oidc_refused"),
                 ({**query, "iss": "https://elsewhere.example.org"}, kept, "oidc_refused"),
                 ({"state": query["state"]}, kept, "oidc_refused"),
                 (query, kept[:-2] + "AA", "oidc_expired"),
                 (query, base64.urlsafe_b64encode(b"{}" * 40).decode().rstrip("="), "oidc_expired"),
                 (query, "%%%", "oidc_expired"), (query, "A" * 6000, "oidc_expired")]
        for changed, cookie, code in cases:
            answer = self.server.anonymous().request("GET", f"{CALLBACK}?{urllib.parse.urlencode(changed)}", headers={
                "Cookie": f"streamspace_oidc={cookie}"})
            self.assertEqual(answer.status, 303, (changed, cookie))
            self.assertEqual(self.error_of(answer.headers["Location"]), code, (changed, cookie))

    def test_one_does_not_land_elsewhere(self):
        for path in ("//elsewhere.example.org/", "https://elsewhere.example.org/", "/\\elsewhere.example.org", "\\\\x", "",
                     "/a\r\nSet-Cookie: x=y", "/" + "a" * 600):
            _, location = self.sign_in("lena", path)
            self.assertEqual(location, self.server.url + "/", path)

    def test_a_provider_that_is_away(self):
        self.settings(oidc_issuer="http://127.0.0.1:9")
        browser = Browser()
        status, location, _ = browser.step(self.server.url + LOGIN)
        self.assertEqual((status, self.error_of(location)), (303, "oidc_unavailable"))
        self.assertEqual(self.server.anonymous().request("GET", "/health").status, 200)

    def test_settings_that_cannot_work(self):
        for name, value in (("oidc-issuer", "http://id.example.org"), ("oidc-issuer", "ftp://x"),
                            ("oidc-create-users", "perhaps")):
            problem(self, self.admin.api("PATCH", "/settings", {name: value}), 400)

    def test_secrets_are_nowhere(self):
        browser, _ = self.sign_in("mona")
        cookies = browser.cookies()
        for secret in (SECRET, cookies["streamspace_session"], cookies["csrf_token"]):
            self.assertNotIn(secret, self.server.output)
        self.assertNotIn("code=", self.server.output)


class OidcEs256(Oidc):
    """The same by elliptic curves."""
    ALGORITHM = "ES256"


class WithoutProvider(ApiTest):
    def test_nothing_is_offered(self):
        self.assertIsNone(self.server.anonymous().expect(200, "GET", "/auth/methods")["oidc"])
        _, location, _ = Browser().step(self.server.url + LOGIN)
        self.assertTrue(location.endswith("/login?error=oidc_not_configured"), location)


if __name__ == "__main__":
    unittest.main()
