"""The ways in: one-time codes, first set-up, logins and their end, limits on guessing."""
import base64
import json
import threading
import time
import unittest
import urllib.parse

import totp
from apitest import ApiTest, cookies_of, problem
from robot_agent import RobotAgent
from streamspace import PASSWORD, Client, Server
from test_accounts import audit, close_code, wait_end, watch


class Mfa(ApiTest):
    def enable(self, username):
        """A user with one-time codes: (client, secret, backup codes)."""
        self.make_user(username)
        client = self.client(username)
        totp.settle()
        secret = client.expect(200, "POST", "/auth/mfa/totp", {"password": PASSWORD})["secret"]
        codes = client.expect(200, "POST", "/auth/mfa/totp/verify", {"otp": totp.code(secret, -1)})["backupCodes"]
        return client, secret, codes

    def sign_in(self, username, otp=None, password=PASSWORD):
        body = {"username": username, "password": password}
        return self.server.anonymous().api("POST", "/auth/login", {**body, "otp": otp} if otp is not None else body)

    def test_a_code_is_asked_for(self):
        client, secret, codes = self.enable("coded")
        self.assertTrue(client.expect(200, "GET", "/auth/me")["mfaEnabled"])
        self.assertEqual(len(set(codes)), 10)
        for otp in (None, ""):
            problem(self, self.sign_in("coded", otp), 401, "mfa_required")
        for otp in ("000000" if totp.code(secret) != "000000" else "111111", "12345", "x", "1234567", "✓"):
            problem(self, self.sign_in("coded", otp), 401, "mfa_invalid")
        problem(self, self.sign_in("coded", totp.code(secret), "not the password at all"), 401, "bad_credentials")
        answer = self.sign_in("coded", totp.code(secret))
        self.assertEqual(answer.status, 200, answer)
        self.assertIn(("coded", "coded", "allowed", None), audit(self.server, "mfa.enable"))
        self.assertIn(("coded", "coded", "refused", "mfa_invalid"), audit(self.server, "login.create"))

    def test_a_code_is_taken_once(self):
        client, secret, _ = self.enable("once")
        # The code that took it into use is used up, and so is every one before it.
        problem(self, self.sign_in("once", totp.code(secret, -1)), 401, "mfa_invalid")
        code = totp.code(secret)
        self.assertEqual(self.sign_in("once", code).status, 200)
        problem(self, self.sign_in("once", code), 401, "mfa_invalid")
        self.assertEqual(self.sign_in("once", f" {totp.code(secret, 1)[:3]} {totp.code(secret, 1)[3:]}").status, 200)
        problem(self, client.api("DELETE", "/auth/mfa/totp", {"otp": totp.code(secret)}), 400, "mfa_invalid", "otp")

    def test_the_same_code_ten_times_at_once_lets_one_in(self):
        _, secret, _ = self.enable("racer")
        code, statuses = totp.code(secret), []
        threads = [threading.Thread(target=lambda: statuses.append(self.sign_in("racer", code).status)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(statuses.count(200), 1, statuses)

    def test_codes_of_other_times_are_refused(self):
        _, secret, _ = self.enable("timely")
        for step in (-2, -20, 3, 2880):
            problem(self, self.sign_in("timely", totp.code(secret, step)), 401, "mfa_invalid")

    def test_backup_codes(self):
        client, secret, codes = self.enable("spare")
        self.assertEqual(self.sign_in("spare", codes[0]).status, 200)
        problem(self, self.sign_in("spare", codes[0]), 401, "mfa_invalid")
        self.assertEqual(self.sign_in("spare", codes[1].upper().replace("-", " ")).status, 200)
        fresh = client.expect(200, "POST", "/auth/mfa/backup-codes", {"otp": codes[2]})["backupCodes"]
        self.assertEqual(set(fresh) & set(codes), set())
        problem(self, self.sign_in("spare", codes[3]), 401, "mfa_invalid")
        self.assertEqual(self.sign_in("spare", fresh[0]).status, 200)
        self.assertIn(("spare", "spare", "allowed", None), audit(self.server, "mfa.backup_code"))

    def test_others_codes_are_no_good(self):
        _, secret, codes = self.enable("ann")
        self.enable("ben")
        problem(self, self.sign_in("ben", totp.code(secret)), 401, "mfa_invalid")
        problem(self, self.sign_in("ben", codes[0]), 401, "mfa_invalid")

    def test_begin_again_and_give_up(self):
        self.make_user("fickle")
        client = self.client("fickle")
        totp.settle()
        problem(self, client.api("POST", "/auth/mfa/totp", {"password": "wrong wrong wrong"}), 400, "wrong_password", "password")
        problem(self, client.api("POST", "/auth/mfa/totp/verify", {"otp": "123456"}), 409, "mfa_not_begun")
        first = client.expect(200, "POST", "/auth/mfa/totp", {"password": PASSWORD})
        begun = client.expect(200, "POST", "/auth/mfa/totp", {"password": PASSWORD})
        self.assertNotEqual(first["secret"], begun["secret"])
        self.assertEqual(self.sign_in("fickle").status, 200, "not asked for before a code was given")
        problem(self, client.api("POST", "/auth/mfa/totp/verify", {"otp": totp.code(first["secret"])}), 400, "mfa_invalid", "otp")
        parts = urllib.parse.urlsplit(begun["uri"])
        self.assertEqual((parts.scheme, parts.netloc, parts.path), ("otpauth", "totp", "/StreamSpace:fickle"))
        query = dict(urllib.parse.parse_qsl(parts.query))
        self.assertEqual(query, {"secret": begun["secret"], "issuer": "StreamSpace", "algorithm": "SHA1", "digits": "6",
                                 "period": "30"})
        client.expect(200, "POST", "/auth/mfa/totp/verify", {"otp": totp.code(begun["secret"], -1)})
        problem(self, client.api("POST", "/auth/mfa/totp", {"password": PASSWORD}), 409, "mfa_enabled")
        problem(self, client.api("POST", "/auth/mfa/totp/verify", {"otp": totp.code(begun["secret"])}), 409, "mfa_enabled")
        self.assertEqual(client.api("DELETE", "/auth/mfa/totp", {"otp": totp.code(begun["secret"])}).status, 204)
        self.assertFalse(client.expect(200, "GET", "/auth/me")["mfaEnabled"])
        self.assertEqual(self.sign_in("fickle").status, 200)
        problem(self, client.api("POST", "/auth/mfa/backup-codes", {"otp": "123456"}), 409, "mfa_not_enabled")

    def test_an_administrator_helps_who_lost_everything(self):
        client, _, codes = self.enable("lost")
        problem(self, self.admin.api("DELETE", "/users/me/mfa"), 403)
        self.assertEqual(self.admin.api("DELETE", "/users/lost/mfa").status, 204)
        problem(self, self.admin.api("DELETE", "/users/lost/mfa"), 409, "mfa_not_enabled")
        self.assertEqual(self.sign_in("lost").status, 200)
        client.expect(200, "GET", "/auth/me")
        self.assertIn(("admin", "lost", "allowed", None), audit(self.server, "mfa.reset"))

    def test_guessing_is_limited(self):
        client, secret, _ = self.enable("guessed")
        wrong = "000000" if totp.code(secret) != "000000" else "111111"
        answers = [self.sign_in("guessed", wrong) for _ in range(12)]
        self.assertEqual([answer.status for answer in answers], [401] * 10 + [429] * 2)
        self.assertGreaterEqual(int(answers[-1].headers["Retry-After"]), 30)
        # The right one is refused as well now, and other ways to try codes are closed, too.
        problem(self, self.sign_in("guessed", totp.code(secret)), 429)
        problem(self, client.api("DELETE", "/auth/mfa/totp", {"otp": wrong}), 429)
        problem(self, self.sign_in("guessed"), 401, "mfa_required")

    def test_no_secret_stands_in_log_or_audit(self):
        _, secret, codes = self.enable("quiet")
        self.sign_in("quiet", codes[0])
        self.assertNotIn(secret, self.server.output)
        kept = repr(self.server.sql("SELECT * FROM audit_log")) + repr(self.server.sql("SELECT * FROM mfa_backup_codes"))
        for text in (secret, *codes, *(code.replace("-", "") for code in codes)):
            self.assertNotIn(text, kept)
            self.assertNotIn(text, self.server.output)


class Sealed(unittest.TestCase):
    """With SECRET_KEY the secrets of one-time codes cannot be read from the database."""

    def test_a_key_seals(self):
        key = "k" * 40
        server = Server(env={"SECRET_KEY": key})
        self.addCleanup(server.close)
        client = server.client()
        totp.settle()
        secret = client.expect(200, "POST", "/auth/mfa/totp", {"password": PASSWORD})["secret"]
        codes = client.expect(200, "POST", "/auth/mfa/totp/verify", {"otp": totp.code(secret, -1)})["backupCodes"]
        (kept,), = server.sql("SELECT secret FROM user_totp")
        self.assertNotIn(secret, kept)
        body = {"username": "admin", "password": PASSWORD}
        server.anonymous().expect(200, "POST", "/auth/login", {**body, "otp": totp.code(secret)})
        server.restart()
        server.anonymous().expect(200, "POST", "/auth/login", {**body, "otp": codes[0]})
        # Another key opens nothing: that is an error of the operator's, told in the log.
        server.env["SECRET_KEY"] = "x" * 40
        server.restart()
        problem(self, server.anonymous().api("POST", "/auth/login", {**body, "otp": codes[1]}), 500)
        server.wait_output("SECRET_KEY is not the one that sealed it")

    def test_a_short_key_is_refused(self):
        with self.assertRaises(AssertionError) as refused:
            Server(env={"SECRET_KEY": "short"}).close()
        self.assertIn("SECRET_KEY must have at least 32 bytes", str(refused.exception))


class Setup(unittest.TestCase):
    def serve(self, **env):
        server = Server(env={"ADMIN_PASSWORD": "", **env})
        self.addCleanup(server.close)
        return server

    def token(self, server):
        return server.wait_output(r"/setup\?token=([0-9a-f]{64})").group(1)

    def test_the_first_administrator(self):
        server = self.serve()
        token = self.token(server)
        client = server.anonymous()
        self.assertEqual(client.expect(200, "GET", "/auth/methods"), {"password": True, "oidc": None, "setup": True})
        self.assertEqual(client.expect(200, "GET", "/auth/setup"), {"needed": True})
        body = {"token": token, "password": "a first good password"}
        problem(self, client.api("POST", "/auth/setup", {**body, "token": "0" * 64}), 401, "bad_setup_token", "token")
        problem(self, client.api("POST", "/auth/setup", {**body, "password": "short"}), 400, "weak_password", "password")
        problem(self, client.api("POST", "/auth/setup", {**body, "username": "Not A Name"}), 400, field="username")
        problem(self, client.api("POST", "/auth/setup", {**body, "role": "user"}), 400, field="role")
        problem(self, client.api("POST", "/auth/login", {"username": "admin", "password": "a first good password"}), 401)
        answer = client.api("POST", "/auth/setup", {**body, "username": "root", "fullName": "The first", "email": "r@example.org"})
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(set(answer.json), {"token", "refreshToken", "expiresAt", "user"})
        self.assertEqual((answer.json["user"]["username"], answer.json["user"]["role"]), ("root", "admin"))
        self.assertEqual(set(cookies_of(answer)), {"streamspace_session", "csrf_token"})
        Client(server.url, answer.json["token"]).expect(200, "GET", "/users")
        self.assertEqual(client.expect(200, "GET", "/auth/setup"), {"needed": False})
        self.assertFalse(client.expect(200, "GET", "/auth/methods")["setup"])
        problem(self, client.api("POST", "/auth/setup", {**body, "username": "second"}), 409, "setup_done")
        self.assertIn(("root", "root", "allowed", None), audit(server, "setup.finish"))
        # No token is given again.
        before = server.output.count("/setup?token=")
        server.restart()
        self.assertEqual(server.output.count("/setup?token="), before)

    def test_a_token_makes_one_administrator(self):
        server = self.serve()
        token, statuses = self.token(server), []

        def finish(number):
            statuses.append(server.anonymous().api("POST", "/auth/setup", {
                "token": token, "password": "a first good password", "username": f"root-{number}"}).status)
        threads = [threading.Thread(target=finish, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(statuses), [201] + [409] * 5)

    def test_tokens_are_kept_as_hashes_and_outlive_a_restart(self):
        server = self.serve()
        token = self.token(server)
        self.assertNotIn(token, repr(server.sql("SELECT * FROM setup_tokens")))
        server.restart()
        server.anonymous().expect(201, "POST", "/auth/setup", {"token": token, "password": "a first good password"})

    def test_with_a_password_there_is_nothing_to_set_up(self):
        server = Server()
        self.addCleanup(server.close)
        self.assertEqual(server.anonymous().expect(200, "GET", "/auth/setup"), {"needed": False})
        self.assertNotIn("/setup?token", server.output)
        problem(self, server.anonymous().api("POST", "/auth/setup", {"token": "0" * 64, "password": PASSWORD}), 409)

    def test_guessing_is_limited(self):
        server = self.serve()
        client = server.anonymous()
        # Hashing comes first, so that a guess is not cheap either.
        statuses = [client.api("POST", "/auth/setup", {"token": "f" * 64, "password": PASSWORD}).status for _ in range(12)]
        self.assertEqual(statuses, [401] * 10 + [429] * 2)


class Logins(ApiTest):
    def test_where_one_is_signed_in(self):
        self.make_user("roamer")
        first, second = self.client("roamer"), self.server.anonymous()
        answer = second.api("POST", "/auth/login", {"username": "roamer", "password": PASSWORD},
                            headers={"User-Agent": "Browser/1.0"})
        second.token = answer.json["token"]
        listed = second.expect(200, "GET", "/auth/logins")
        self.assertEqual(listed["total"], 2)
        newest, oldest = listed["logins"]
        self.assertEqual(set(newest), {"id", "kind", "address", "userAgent", "createdAt", "usedAt", "current"})
        self.assertEqual((newest["kind"], newest["address"], newest["userAgent"], newest["current"]),
                         ("password", "127.0.0.1", "Browser/1.0", True))
        self.assertEqual((oldest["userAgent"], oldest["current"]), (None, False))
        page = second.expect(200, "GET", "/auth/logins?limit=1")
        self.assertEqual([page["logins"][0]["id"], page["total"]], [newest["id"], 2])
        self.assertEqual(second.expect(200, "GET", f"/auth/logins?limit=1&cursor={page['nextCursor']}")["logins"], [oldest])
        # An API key is none of them.
        second.expect(201, "POST", "/api-keys", {"name": "k"})
        self.assertEqual(second.expect(200, "GET", "/auth/logins")["total"], 2)
        problem(self, self.admin.api("DELETE", f"/auth/logins/{oldest['id']}"), 404, "login_not_found")
        first.expect(200, "GET", "/auth/me")
        self.assertEqual(second.api("DELETE", f"/auth/logins/{oldest['id']}").status, 204)
        problem(self, first.api("GET", "/auth/me"), 401)
        problem(self, second.api("DELETE", f"/auth/logins/{oldest['id']}"), 404)
        answer = second.api("DELETE", f"/auth/logins/{newest['id']}")
        self.assertEqual(answer.status, 204)
        self.assertTrue(all("Max-Age=0" in line for line in answer.headers.get_all("Set-Cookie")))
        problem(self, second.api("GET", "/auth/me"), 401)
        self.assertEqual([row[1:3] for row in audit(self.server, "login.end") if row[0] == "roamer"], [("roamer", "allowed")] * 2)

    def test_what_it_opened_ends_with_it(self):
        robot = RobotAgent(self.server, "robot-login")
        self.addCleanup(robot.close)
        self.make_user("watcher")
        here, there = self.client("watcher"), self.client("watcher")
        name = there.create()
        there.wait_state(name, "running")
        stream, events = there.stream(name), watch(self, there)
        login = next(entry for entry in here.expect(200, "GET", "/auth/logins")["logins"] if not entry["current"])
        begin = time.monotonic()
        self.assertEqual(here.api("DELETE", f"/auth/logins/{login['id']}").status, 204)
        self.assertEqual(close_code(stream), 4102)
        wait_end(events)
        self.assertLess(time.monotonic() - begin, 1.0)

    def test_an_administrator_ends_all_of_them(self):
        robot = RobotAgent(self.server, "robot-logins")
        self.addCleanup(robot.close)
        self.make_user("everywhere")
        here, there = self.client("everywhere"), self.client("everywhere")
        key = here.expect(201, "POST", "/api-keys", {"name": "k"})["key"]
        name = here.create()
        here.wait_state(name, "running")
        stream, events = here.stream(name), watch(self, there)
        problem(self, here.api("DELETE", "/users/everywhere/logins"), 403)
        problem(self, self.admin.api("DELETE", "/users/nowhere/logins"), 404)
        begin = time.monotonic()
        self.assertEqual(self.admin.api("DELETE", "/users/everywhere/logins").status, 204)
        self.assertEqual(close_code(stream), 4102)
        wait_end(events)
        self.assertLess(time.monotonic() - begin, 1.0)
        for client in (here, there):
            problem(self, client.api("GET", "/auth/me"), 401)
        self.assertEqual(Client(self.server.url, key).expect(200, "GET", f"/sessions/{name}")["state"], "running")
        self.assertIn(("admin", "everywhere", "allowed", None), audit(self.server, "login.end-all"))
        self.client("everywhere").expect(200, "GET", "/auth/me")

    def test_a_new_password_ends_the_others(self):
        self.make_user("changer")
        here, there = self.client("changer"), self.client("changer")
        self.assertEqual(here.api("POST", "/auth/change-password", {
            "currentPassword": PASSWORD, "newPassword": "quite another password"}).status, 204)
        here.expect(200, "GET", "/auth/me")
        problem(self, there.api("GET", "/auth/me"), 401)


class SigningKeys(ApiTest):
    def test_rotation_signs_nobody_out(self):
        before = self.server.client()
        answer = self.server.anonymous().api("POST", "/auth/login", {"username": "admin", "password": PASSWORD})
        cookies = cookies_of(answer)
        made = self.admin.expect(201, "POST", "/admin/signing-keys")
        self.assertEqual(set(made), {"kid", "signs", "createdAt", "retiredAt"})
        listed = self.admin.expect(200, "GET", "/admin/signing-keys")["signingKeys"]
        self.assertEqual([key["signs"] for key in listed], [True] + [False] * (len(listed) - 1))
        self.assertEqual(listed[0], made)
        after = self.server.client()
        self.assertEqual(json.loads(base64.urlsafe_b64decode(after.token.split(".")[0] + "=="))["kid"], made["kid"])
        for client in (before, after):
            client.expect(200, "GET", "/auth/me")
        cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items()), "X-CSRF-Token": cookies["csrf_token"]}
        self.assertEqual(self.server.anonymous().api("POST", "/auth/logout", headers=cookie).status, 204)
        self.server.restart()
        for client in (before, after):
            client.expect(200, "GET", "/auth/me")
        self.assertIn(("admin", made["kid"], "allowed", None), audit(self.server, "signing_key.rotate"))

    def test_the_keys_are_never_shown(self):
        secrets = [row[0] for row in self.server.sql("SELECT secret FROM signing_keys")]
        shown = self.admin.api("GET", "/admin/signing-keys").body.decode() + self.server.output + repr(
            self.server.sql("SELECT * FROM audit_log"))
        self.assertTrue(secrets)
        for secret in secrets:
            self.assertEqual(len(secret), 64)
            self.assertNotIn(secret, shown)


class Refresh(ApiTest):
    def test_a_stolen_token_ends_the_family(self):
        tokens = self.server.anonymous().expect(200, "POST", "/auth/login", {"username": "admin", "password": PASSWORD})
        other = self.server.client()
        chain = [tokens]
        for _ in range(3):
            chain.append(self.server.anonymous().expect(200, "POST", "/auth/refresh", {"refreshToken": chain[-1]["refreshToken"]}))
        for used in chain:
            Client(self.server.url, used["token"]).expect(200, "GET", "/auth/me")
        problem(self, self.server.anonymous().api("POST", "/auth/refresh", {"refreshToken": chain[1]["refreshToken"]}), 401)
        for used in chain:
            problem(self, Client(self.server.url, used["token"]).api("GET", "/auth/me"), 401)
        problem(self, self.server.anonymous().api("POST", "/auth/refresh", {"refreshToken": chain[-1]["refreshToken"]}), 401)
        other.expect(200, "GET", "/auth/me")
        self.assertIn(("admin", "admin", "refused", "a refresh token was used twice: the login was ended"),
                      audit(self.server, "login.refresh"))

    def test_limits(self):
        client = self.server.anonymous()
        answers = [client.api("POST", "/auth/refresh", {"refreshToken": "0" * 64}) for _ in range(12)]
        statuses = [answer.status for answer in answers]
        self.assertEqual(statuses, sorted(statuses))
        self.assertEqual((statuses[0], statuses[-1]), (401, 429))
        self.assertGreaterEqual(int(answers[-1].headers["Retry-After"]), 1)


if __name__ == "__main__":
    unittest.main()
