"""Shares: what guests may, by name and by link; view-only streams; and the end of a right on streams that are open."""
import datetime
import struct
import threading
import time
import unittest

from apitest import ApiTest, problem
from robot_agent import RobotAgent
from streamspace import wait_for
from websocket import Closed, Refused, WebSocket

HELLO = b"RFB 003.008\n\x01\x01"
REQUEST = struct.pack(">BBHHHH", 3, 1, 0, 0, 800, 600)
KEY = struct.pack(">BBxxI", 4, 1, 0x61)
POINTER = struct.pack(">BBHH", 5, 1, 10, 20)
CUT = struct.pack(">BxxxI", 6, 5) + b"hello"
REVOKED = 4102


def later(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Shares(ApiTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.robot = RobotAgent(cls.server, "robot-1", max_sessions=1000)  # its display says what it is told
        cls.addClassCleanup(cls.robot.close)

    def setUp(self):
        self.owner, self.guest = self.as_user("owner"), self.as_user("guest")
        self.name = self.owner.create()
        self.owner.wait_state(self.name, "running")

    def share(self, mode="view", name=None, **fields):
        if "link" not in fields:
            fields["username"] = name or "guest"
        return self.owner.expect(201, "POST", f"/sessions/{self.name}/shares", {"mode": mode, **fields})

    def socket(self, url):
        return WebSocket("127.0.0.1", self.server.port, url)

    def stream(self, client=None, mode=None):
        body = {"mode": mode} if mode else {}
        return self.socket((client or self.guest).expect(201, "POST", f"/sessions/{self.name}/tickets", body)["url"])

    def link_stream(self, token):
        client = self.server.anonymous()
        return self.socket(client.expect(201, "POST", f"/shares/{token}/tickets", {})["url"])

    def assert_open(self, stream):
        stream.send(HELLO)
        self.assertEqual(stream.read(len(HELLO)), HELLO)

    def assert_closes(self, stream, code, within=1.0):
        """Within a second, with a reason; some slack is for a busy machine's own scheduling."""
        begin = time.monotonic()
        with self.assertRaises(Closed) as closed:
            stream.receive(timeout=10)
        self.assertEqual(closed.exception.code, code, closed.exception.reason)
        self.assertTrue(closed.exception.reason)
        self.assertLess(time.monotonic() - begin, within)

    # --- what a guest sees ---

    def test_a_guest_finds_and_reads_it(self):
        problem(self, self.guest.api("GET", f"/sessions/{self.name}"), 404)
        self.share("control")
        session = self.guest.session(self.name)
        self.assertEqual((session["access"], session["owner"]), ("control", "owner"))
        self.assertEqual(self.owner.session(self.name)["access"], "owner")
        self.assertEqual(self.admin.session(self.name)["access"], "operator")
        listed = self.guest.expect(200, "GET", "/sessions?shared=true")
        self.assertEqual([(s["name"], s["access"]) for s in listed["sessions"] if s["name"] == self.name],
                         [(self.name, "control")])
        self.assertNotIn(self.name, [s["name"] for s in self.guest.expect(200, "GET", "/sessions")["sessions"]])
        problem(self, self.guest.api("GET", "/sessions?shared=maybe"), 400, field="shared")
        problem(self, self.guest.api("DELETE", f"/sessions/{self.name}"), 403, "not_owner")

    def test_the_list_of_shares(self):
        link = self.share(link=True, expiresAt=later(3600))
        user = self.share("control")
        self.assertTrue(link["url"].endswith(f"/share/{link['token']}"), link)
        self.assertNotIn("token", user)
        listed = self.owner.expect(200, "GET", f"/sessions/{self.name}/shares")
        self.assertEqual([(s["id"], s["mode"], s["username"], s["link"]) for s in listed["shares"]],
                         [(link["id"], "view", None, True), (user["id"], "control", "guest", False)])
        self.assertEqual(listed["total"], 2)
        self.assertNotIn(link["token"], str(listed))
        problem(self, self.owner.api("DELETE", f"/sessions/{self.name}/shares/999999"), 404, "share_not_found")
        problem(self, self.owner.api("DELETE", f"/sessions/{self.name}/shares/x"), 404, "share_not_found")
        self.owner.expect(204, "DELETE", f"/sessions/{self.name}/shares/{user['id']}")
        problem(self, self.guest.api("GET", f"/sessions/{self.name}"), 404)

    def test_bad_shares(self):
        path = f"/sessions/{self.name}/shares"
        for body, field in (({"username": "guest"}, "mode"), ({"mode": "view"}, "username"),
                            ({"mode": "own", "username": "guest"}, "mode"),
                            ({"mode": "view", "username": "nobody-at-all"}, "username"),
                            ({"mode": "view", "username": "owner"}, "username"),
                            ({"mode": "view", "username": "guest", "link": True}, "link"),
                            ({"mode": "view", "link": True, "expiresAt": later(-5)}, "expiresAt"),
                            ({"mode": "view", "link": True, "expiresAt": "soon"}, "expiresAt"),
                            ({"mode": "view", "link": True, "color": "red"}, "color")):
            with self.subTest(body):
                problem(self, self.owner.api("POST", path, body), 400, field=field)
        self.share()
        problem(self, self.owner.api("POST", path, {"mode": "control", "username": "guest"}), 409, "already_shared")

    def test_events_reach_the_guest(self):
        seen = []
        connection, answer = self.events(self.guest, seen)
        self.addCleanup(connection.close)
        share = self.share()
        wait_for("the guest is told", lambda: ("session", "created") in seen)
        stream = self.stream()
        wait_for("the guest is told of a viewer", lambda: ("session", "changed") in seen)
        self.owner.expect(204, "DELETE", f"/sessions/{self.name}/shares/{share['id']}")
        wait_for("the guest is told of the end", lambda: ("session", "removed") in seen)
        stream.close()

    def events(self, client, seen):
        import http.client
        import json
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        connection.request("GET", "/api/v1/events", headers={"Authorization": f"Bearer {client.token}"})
        answer = connection.getresponse()

        def read():
            kind = None
            try:
                for line in answer:
                    line = line.decode().rstrip("\n")
                    if line.startswith("event: "):
                        kind = line[7:]
                    elif line.startswith("data: "):
                        data = json.loads(line[6:])
                        if data.get("name") == self.name:
                            seen.append((kind, data.get("action")))
            except (OSError, ValueError, AttributeError):
                pass
        threading.Thread(target=read, daemon=True).start()
        return connection, answer

    # --- streams ---

    def test_looking_sends_nothing_that_acts(self):
        self.share("control")
        stream = self.stream(mode="view")
        for piece in (HELLO, KEY, REQUEST[:3], REQUEST[3:], POINTER, CUT, REQUEST):
            stream.send(piece)
        self.assertEqual(stream.read(len(HELLO) + 2 * len(REQUEST)), HELLO + REQUEST + REQUEST)
        stream.send(b"\x4d")
        self.assert_closes(stream, 1008)
        acting = self.stream(mode="control")
        acting.send(HELLO + KEY)
        self.assertEqual(acting.read(len(HELLO) + len(KEY)), HELLO + KEY)
        acting.close()

    def test_who_may_look_gets_no_more(self):
        self.share("view")
        problem(self, self.guest.api("POST", f"/sessions/{self.name}/tickets", {"mode": "control"}), 403, "view_only")
        ticket = self.guest.expect(201, "POST", f"/sessions/{self.name}/tickets", {})
        self.assertEqual(ticket["mode"], "view")
        stream = self.socket(ticket["url"])
        stream.send(HELLO + KEY + REQUEST)
        self.assertEqual(stream.read(len(HELLO + REQUEST)), HELLO + REQUEST)
        stream.close()

    def test_rights_are_looked_at_again_when_the_ticket_is_used(self):
        share = self.share("control")
        ticket = self.guest.expect(201, "POST", f"/sessions/{self.name}/tickets", {})
        self.owner.expect(204, "DELETE", f"/sessions/{self.name}/shares/{share['id']}")
        with self.assertRaises(Refused) as refused:
            self.socket(ticket["url"])
        self.assertEqual(refused.exception.status, 401)

    # --- the end ---

    def test_a_withdrawn_share_closes_its_streams_alone(self):
        share, link = self.share("control"), self.share(link=True)
        own, guest, by_link = self.stream(self.owner), self.stream(), self.link_stream(link["token"])
        for stream in (own, guest, by_link):
            self.assert_open(stream)
        self.owner.expect(204, "DELETE", f"/sessions/{self.name}/shares/{share['id']}")
        self.assert_closes(guest, REVOKED)
        self.owner.expect(204, "DELETE", f"/sessions/{self.name}/shares/{link['id']}")
        self.assert_closes(by_link, REVOKED)
        own.send(b"still here")
        self.assertEqual(own.read(10), b"still here")
        own.close()

    def test_an_expired_share_closes_its_streams(self):
        self.share("control", expiresAt=later(2))
        stream = self.stream()
        self.assert_open(stream)
        self.assert_closes(stream, REVOKED, within=3)
        problem(self, self.guest.api("GET", f"/sessions/{self.name}"), 404)

    def test_a_guest_who_is_deactivated_is_out(self):
        self.make_user("leaver")
        self.share("control", name="leaver")
        leaver = self.client("leaver")
        stream = self.stream(leaver)
        self.assert_open(stream)
        self.admin.expect(200, "PATCH", "/users/leaver", {"active": False})
        self.assert_closes(stream, REVOKED)

    def test_what_is_shared_by_a_deactivated_owner_is_out(self):
        self.make_user("giver")
        giver = self.client("giver")
        self.name = giver.create()
        giver.wait_state(self.name, "running")
        giver.expect(201, "POST", f"/sessions/{self.name}/shares", {"username": "guest", "mode": "view"})
        stream = self.stream()
        stream.send(HELLO)
        stream.read(len(HELLO))
        self.admin.expect(200, "PATCH", "/users/giver", {"active": False})
        problem(self, self.guest.api("GET", f"/sessions/{self.name}"), 404)
        self.assert_closes(stream, REVOKED, within=6)

    def test_the_end_of_the_session_is_told(self):
        link = self.share(link=True)
        stream = self.link_stream(link["token"])
        self.assert_open(stream)
        self.owner.expect(202, "DELETE", f"/sessions/{self.name}")
        self.assert_closes(stream, 4100)
        self.owner.wait_state(self.name, "terminated")
        problem(self, self.server.anonymous().api("POST", f"/shares/{link['token']}/tickets"), 409, "not_running")
        problem(self, self.owner.api("POST", f"/sessions/{self.name}/shares", {"link": True, "mode": "view"}), 409,
                "session_ended")

    # --- links ---

    def test_a_link_needs_no_sign_in(self):
        link = self.share(link=True, expiresAt=later(3600))
        anonymous = self.server.anonymous()
        told = anonymous.expect(200, "GET", f"/shares/{link['token']}")
        self.assertEqual(told, {"name": self.name, "displayName": told["displayName"], "template": "terminal",
                                "icon": told["icon"], "state": "running", "mode": "view",
                                "expiresAt": link["expiresAt"], "owner": "owner"})
        problem(self, anonymous.api("POST", f"/shares/{link['token']}/tickets", {"mode": "control"}), 403, "view_only")
        stream = self.link_stream(link["token"])
        stream.send(HELLO + KEY + REQUEST)
        self.assertEqual(stream.read(len(HELLO + REQUEST)), HELLO + REQUEST)
        stream.close()
        acting = self.share("control", link=True)
        control = self.link_stream(acting["token"])
        self.assert_open(control)
        control.close()
        # A cookie that is no good any more does not stand in the way.
        stale = anonymous.request("GET", f"/api/v1/shares/{link['token']}",
                                  headers={"Cookie": "streamspace_session=" + "0" * 64})
        self.assertEqual(stale.status, 200, stale)

    def test_the_setting_says_who_may_use_links(self):
        link = self.share(link=True)
        anonymous = self.server.anonymous()
        try:
            self.admin.expect(200, "PATCH", "/settings", {"share-links": "users"})
            problem(self, anonymous.api("GET", f"/shares/{link['token']}"), 401, "sign_in_first")
            self.guest.expect(200, "GET", f"/shares/{link['token']}")
            self.guest.expect(201, "POST", f"/shares/{link['token']}/tickets")
            self.admin.expect(200, "PATCH", "/settings", {"share-links": "off"})
            problem(self, self.guest.api("GET", f"/shares/{link['token']}"), 404)
            problem(self, self.owner.api("POST", f"/sessions/{self.name}/shares", {"link": True, "mode": "view"}), 403,
                    "links_off")
        finally:
            self.admin.expect(200, "PATCH", "/settings", {"share-links": None})

    def test_a_token_stands_in_no_log_and_no_audit(self):
        link = self.share(link=True)
        anonymous = self.server.anonymous()
        anonymous.expect(200, "GET", f"/shares/{link['token']}")
        anonymous.request("GET", f"/share/{link['token']}")
        anonymous.expect(201, "POST", f"/shares/{link['token']}/tickets")
        entries = self.admin.expect(200, "GET", f"/audit?target={self.name}")["entries"]
        self.assertEqual([entry["action"] for entry in entries if entry["action"].startswith("share.")],
                         ["share.open", "share.create"])
        self.assertNotIn(link["token"], str(entries))
        self.assertNotIn(link["token"], self.server.output)


class Guessing(ApiTest):
    def test_trying_links_is_slowed_down(self):
        anonymous = self.server.anonymous()
        statuses = [anonymous.api("GET", f"/shares/{number:064x}").status for number in range(40)]
        self.assertEqual(statuses[:30], [404] * 30)
        answer = anonymous.api("GET", f"/shares/{99:064x}")
        problem(self, answer, 429)
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
        self.assertEqual(self.admin.api("GET", "/auth/me").status, 200)  # all else goes on


if __name__ == "__main__":
    unittest.main()
