"""The role walk: every route of the document × everybody who might ask, against a table of what they are answered.

A new route without a row here fails. A row says what is sent as JSON, what each of ROLES is answered, and, where it is
not what follows from those, what GUESTS are: whom the session is shared with (`view`, `control`) is another user to all
else, whoever has a `link` is anonymous, and a `key` of the owner's for `sessions:read` may do nothing that needs a
sign-in.
"""
import http.client
import unittest

from apitest import ApiTest, problem
from robot_agent import RobotAgent
from streamspace import PASSWORD

ROLES = ("anonymous", "owner", "other", "operator", "admin")
GUESTS = ("view", "control", "link", "key")
NOT_THEIRS = {"view": 403, "control": 403}  # they know of it: it is not hidden from them
TOKEN = "{token}"

# What each is answered, in the order of ROLES. `body` is sent as JSON; {name} is a running session of the owner's, or a group that the owner manages.
#   operation            body                                            anonymous owner other operator admin
TABLE = {
    "getHealth":        (None,                                           (200, 200, 200, 200, 200)),
    "getReadiness":     (None,                                           (200, 200, 200, 200, 200)),
    "getVersion":       (None,                                           (200, 200, 200, 200, 200)),
    "getApiVersion":    (None,                                           (200, 200, 200, 200, 200)),
    "getMetrics":       (None,                                           (200, 200, 200, 200, 200)),
    "getOpenApi":       (None,                                           (200, 200, 200, 200, 200)),
    "getApiDocs":       (None,                                           (200, 200, 200, 200, 200)),
    "getApiDocsFile":   (None,                                           (200, 200, 200, 200, 200)),
    "login":            ({"username": "owner", "password": PASSWORD},    (200, 200, 200, 200, 200)),
    "refresh":          ({"refreshToken": "0" * 64},                     (401, 401, 401, 401, 401)),
    "logout":           (None,                                           (401, 204, 204, 204, 204)),
    "getMe":            (None,                                           (401, 200, 200, 200, 200), {"key": 200}),
    "changePassword":   ({"currentPassword": "x", "newPassword": "y"},   (401, 400, 400, 400, 400)),
    "listSignInMethods": (None,                                          (200, 200, 200, 200, 200)),
    "beginOidc":        (None,                                           (303, 303, 303, 303, 303)),
    "finishOidc":       (None,                                           (303, 303, 303, 303, 303)),
    "getSetup":         (None,                                           (200, 200, 200, 200, 200)),
    "finishSetup":      ({"token": "0" * 64, "password": PASSWORD},      (409, 409, 409, 409, 409)),
    "listLogins":       (None,                                           (401, 200, 200, 200, 200)),
    "endLogin":         (None,                                           (401, 204, 404, 404, 404)),
    "beginTotp":        ({"password": "wrong wrong wrong"},              (401, 400, 400, 400, 400)),
    "confirmTotp":      ({"otp": "000000"},                              (401, 409, 409, 409, 409)),
    "endTotp":          ({"otp": "000000"},                              (401, 409, 409, 409, 409)),
    "newBackupCodes":   ({"otp": "000000"},                              (401, 409, 409, 409, 409)),
    "resetUserMfa":     (None,                                           (401, 403, 403, 403, 409)),
    "endUserLogins":    (None,                                           (401, 403, 403, 403, 204)),
    "listSigningKeys":  (None,                                           (401, 403, 403, 403, 200)),
    "rotateSigningKey": (None,                                           (401, 403, 403, 403, 201)),
    "createUser":       ({"username": "walker", "password": "short"},    (401, 403, 403, 403, 400)),
    "listUsers":        (None,                                           (401, 403, 403, 403, 200)),
    "getUser":          (None,                                           (401, 200, 404, 404, 200)),
    "updateUser":       ({"fullName": "Owner"},                          (401, 200, 404, 404, 200)),
    "updateUser in rank": ({"role": "user"},                             (401, 403, 404, 404, 200)),
    "deleteUser":       (None,                                           (401, 403, 403, 403, 409)),
    "listApiKeys":      (None,                                           (401, 200, 200, 200, 200)),
    "listApiKeys?user=owner": (None,                                     (401, 200, 403, 403, 200)),
    "createApiKey":     ({"name": "walker"},                             (401, 201, 201, 201, 201)),
    "deleteApiKey":     (None,                                           (401, 204, 404, 404, 204)),
    "getUserQuota":     (None,                                           (401, 200, 404, 404, 200)),
    "setUserQuota":     ({"maxSessions": 1000},                          (401, 403, 403, 403, 200)),
    "clearUserQuota":   (None,                                           (401, 403, 403, 403, 204)),
    "listGroups":       (None,                                           (401, 200, 200, 200, 200)),
    "createGroup":      ({"name": "Walkers"},                            (401, 403, 403, 403, 400)),
    "getGroup":         (None,                                           (401, 200, 404, 404, 200)),
    "updateGroup":      ({"displayName": "The walkers"},                 (401, 403, 403, 403, 200)),
    "listGroupMembers": (None,                                           (401, 200, 404, 404, 200)),
    "addGroupMember":   ({"username": "owner"},                          (401, 409, 404, 404, 409)),
    "updateGroupMember": ({"role": "manager"},                           (401, 403, 403, 403, 200)),
    "removeGroupMember": (None,                                          (401, 204, 404, 404, 204)),
    "getGroupQuota":    (None,                                           (401, 200, 404, 404, 200)),
    "setGroupQuota":    ({"maxSessions": 1000},                          (401, 403, 403, 403, 200)),
    "clearGroupQuota":  (None,                                           (401, 403, 403, 403, 204)),
    "deleteGroup":      (None,                                           (401, 403, 403, 403, 204)),
    "createSession":    ({"template": "terminal"},                       (401, 200, 200, 200, 200)),
    "createSession for another": ({"template": "terminal", "user": "owner"}, (401, 200, 403, 200, 200)),
    "listSessions":     (None,                                           (401, 200, 200, 200, 200), {"key": 200}),
    "listSessions?shared=true": (None,                                   (401, 200, 200, 200, 200), {"key": 200}),
    "getSession":       (None,                                           (401, 200, 404, 200, 200),
                         {"view": 200, "control": 200, "key": 200}),
    "updateSession":    ({"tags": ["walked"]},                           (401, 200, 404, 200, 200), NOT_THEIRS),
    "deleteSession":    (None,                                           (401, 202, 404, 202, 202), NOT_THEIRS),
    "createTicket":     ({},                                             (401, 201, 404, 201, 201),
                         {"view": 201, "control": 201}),
    "createTicket to look": ({"mode": "view"},                           (401, 201, 404, 201, 201),
                             {"view": 201, "control": 201}),
    "createTicket to act": ({"mode": "control"},                         (401, 201, 404, 201, 201),
                            {"view": 403, "control": 201}),
    "openStream":       (None,                                           (401, 401, 401, 401, 401)),
    "getSessionLogs":   (None,                                           (401, 200, 404, 200, 200),
                         {**NOT_THEIRS, "key": 200}),
    "getScreenshot":    (None,                                           (401, 200, 404, 200, 200),
                         {**NOT_THEIRS, "key": 200}),
    "listShares":       (None,                                           (401, 200, 404, 200, 200),
                         {**NOT_THEIRS, "key": 200}),
    "createShare":      ({"link": True, "mode": "view"},                 (401, 201, 404, 201, 201), NOT_THEIRS),
    "deleteShare":      (None,                                           (401, 204, 404, 204, 204), NOT_THEIRS),
    "getSharedSession": (None,                                           (404, 404, 404, 404, 404), {"link": 200}),
    "createSharedTicket": ({},                                           (404, 404, 404, 404, 404), {"link": 201}),
    "createSharedTicket to act": ({"mode": "control"},                   (404, 404, 404, 404, 404), {"link": 403}),
    "listTemplates":    (None,                                           (401, 200, 200, 200, 200)),
    "getTemplate":      (None,                                           (401, 200, 200, 200, 200)),
    "createTemplate":   ({"name": "no name"},                            (401, 403, 403, 400, 400)),
    "importTemplates":  (b"kind: Nothing",                               (401, 403, 403, 400, 400)),
    "putTemplate":      ({"gl": "maybe"},                                (401, 403, 403, 400, 400)),
    "deleteTemplate":   (None,                                           (401, 403, 403, 409, 409)),
    "createAgentToken": ({},                                             (401, 403, 403, 403, 201)),
    "listAgentTokens":  (None,                                           (401, 403, 403, 403, 200)),
    "deleteAgentToken": (None,                                           (401, 403, 403, 403, 404)),
    "updateAgent":      ({"status": "online"},                           (401, 403, 403, 403, 200)),
    "deleteAgent":      (None,                                           (401, 403, 403, 403, 409)),
    "registerAgent":    ({"agentId": "walker", "platform": "local"},     (401, 401, 401, 401, 401)),
    "connectAgent":     (None,                                           (401, 401, 401, 401, 401)),
    "openAgentStream":  (None,                                           (401, 401, 401, 401, 401)),
    "listAgents":       (None,                                           (401, 403, 403, 200, 200)),
    "getAgent":         (None,                                           (401, 403, 403, 200, 200)),
    "listCommands":     (None,                                           (401, 403, 403, 200, 200)),
    "getCommand":       (None,                                           (401, 403, 403, 200, 200)),
    "listAudit":        (None,                                           (401, 403, 403, 403, 200)),
    "exportAudit":      (None,                                           (401, 403, 403, 403, 200)),
    "getSettings":      (None,                                           (401, 403, 403, 403, 200)),
    "updateSettings":   ({"share-links": "anyone"},                      (401, 403, 403, 403, 200)),
    "watchEvents":      (None,                                           (401, 200, 200, 200, 200), {"key": 200}),
    "getDashboard":     (None,                                           (401, 403, 403, 200, 200)),
}


class RoleWalk(ApiTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.robot = RobotAgent(cls.server, "robot-1", max_sessions=1000, display="rfb")
        cls.addClassCleanup(cls.robot.close)
        cls.document = cls.admin.request("GET", "/api/openapi.json").json
        cls.routes = {operation["operationId"]: (method.upper(), path, operation)
                      for path, item in cls.document["paths"].items()
                      for method, operation in item.items() if "operationId" in operation}

    def who(self, role, row=""):
        """A kept sign-in, but for what ends it."""
        if role in ("anonymous", "link"):
            return self.server.anonymous()
        if role == "key":
            client = self.server.anonymous()
            client.token = self.owners_key
            return client
        if role == "admin" and role not in self.clients:
            self.clients[role] = self.client(role)
        kept = self.as_user(role, "operator" if role == "operator" else "user")
        return self.client(role) if row == "logout" else kept

    def session(self):
        owner = self.as_user("owner")
        name = owner.create()
        owner.wait_state(name, "running")
        return name

    def shared_session(self):
        """A session of the owner's that is shared with the guests: its name, a link's token, a share's number."""
        name = self.session()
        owner = self.as_user("owner")
        for guest in ("view", "control"):
            self.as_user(guest)
            owner.expect(201, "POST", f"/sessions/{name}/shares", {"username": guest, "mode": guest})
        link = owner.expect(201, "POST", f"/sessions/{name}/shares", {"link": True, "mode": "view"})
        return name, link["token"], str(link["id"])

    def group(self):
        """A group that the owner manages, made anew when it is gone."""
        self.admin.api("POST", "/groups", {"name": "walkers"})
        self.as_user("owner")
        self.admin.api("POST", "/groups/walkers/members", {"username": "owner", "role": "manager"})
        return "walkers"

    @staticmethod
    def operation(row):
        return row.split()[0].split("?")[0]

    def key(self):
        """The id of a new API key of the owner's."""
        return str(self.as_user("owner").expect(201, "POST", "/api-keys", {"name": "walked"})["id"])

    def login(self):
        """The id of a new login of the owner's."""
        return str(self.client("owner").expect(200, "GET", "/auth/logins")["logins"][0]["id"])

    def ask(self, client, method, path, body):
        """Status and body; of a stream that does not end, the status alone."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        headers = {"Authorization": f"Bearer {client.token}"} if client.token else {}
        if path.endswith("/events"):
            connection.request(method, path, headers=headers)
            status = connection.getresponse().status
            connection.close()
            return status
        if isinstance(body, bytes):
            answer = client.request(method, path, raw=body, headers={"Content-Type": "application/yaml"})
        else:
            answer = client.request(method, path, body)
        if answer.status >= 400:
            problem(self, answer, answer.status)
        return answer.status

    @staticmethod
    def answers(described, expected, others):
        """Role → status."""
        answers = dict(zip(ROLES, expected))
        signed_in = described["x-access"] in ("user", "operator", "admin")
        follows = {"view": answers["other"], "control": answers["other"], "link": answers["anonymous"],
                   "key": 403 if signed_in else answers["anonymous"]}
        answers.update((guest, others.get(guest, follows[guest])) for guest in GUESTS)
        return answers

    def test_every_route_has_a_row(self):
        self.assertEqual(set(self.routes), {self.operation(name) for name in TABLE})

    def test_every_route_as_everybody(self):
        command = self.admin.expect(200, "GET", f"/commands?session={self.session()}")["commands"][0]["commandId"]
        self.owners_key = self.as_user("owner").expect(
            201, "POST", "/api-keys", {"name": "reader", "scopes": ["sessions:read"]})["key"]
        wrong = []
        for row, (body, expected, *others) in TABLE.items():
            method, pattern, described = self.routes[self.operation(row)]
            answers = self.answers(described, expected, others[0] if others else {})
            for role, status in answers.items():
                needs_session = "/sessions/{name}" in pattern or TOKEN in pattern
                needs_group = "{name}" in pattern and "/groups/" in pattern
                name, token, share = self.shared_session() if needs_session else ("terminal", "", "0")
                path = (pattern.replace("{name}", self.group() if needs_group else name)
                        .replace("{username}", "owner")
                        .replace(TOKEN, token if role == "link" else "0" * 64)
                        .replace("{id}", self.key() if "/api-keys/" in pattern else
                                 self.login() if "/logins/" in pattern else share)
                        .replace("{agentId}", "robot-1").replace("{commandId}", command)
                        .replace("{streamId}", "0" * 32).replace("{file}", "docs.js"))
                if "?" in row:
                    path += row[row.index("?"):]
                client = self.who(role, row)
                got = self.ask(client, method, path, body)
                if (row, role) == ("endUserLogins", "admin"):
                    self.clients.pop("owner", None)
                if got != status:
                    wrong.append(f"{row} as {role}: expected {status}, got {got}")
                if client not in self.clients.values():
                    client.close()
        self.assertEqual(wrong, [])

    def test_the_order_of_checks(self):
        """401, 403, 404, 415, 413, 400: the earlier one is what is told."""
        anonymous, other = self.server.anonymous(), self.as_user("other")
        text = {"Content-Type": "text/plain"}
        huge = b"x" * (1500 * 1000)
        problem(self, anonymous.api("POST", "/users?x=1", raw=huge, headers=text), 401)
        problem(self, other.api("POST", "/users?x=1", raw=huge, headers=text), 403)
        name = self.session()
        problem(self, other.api("POST", f"/sessions/{name}/tickets?x=1", raw=huge, headers=text), 404)
        owner = self.as_user("owner")
        problem(self, owner.api("POST", f"/sessions/{name}/tickets?x=1", raw=huge, headers=text), 415)
        json_type = {"Content-Type": "application/json"}
        problem(self, owner.api("POST", f"/sessions/{name}/tickets?x=1", raw=huge, headers=json_type), 413)
        problem(self, owner.api("POST", f"/sessions/{name}/tickets?x=1", raw=b"{", headers=json_type), 400)


if __name__ == "__main__":
    unittest.main()
