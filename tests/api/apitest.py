"""What the API tests share: one server for a class, users, and a look at problems."""
import unittest

from streamspace import PASSWORD, Server


def cookies_of(answer):
    return dict(line.split(";")[0].split("=", 1) for line in answer.headers.get_all("Set-Cookie") or [])


def problem(test, answer, status, code=None, field=None):
    """Asserts that an answer is the contract's error."""
    test.assertEqual(answer.status, status, answer)
    test.assertEqual(answer.headers["Content-Type"], "application/problem+json", answer)
    body = answer.json
    test.assertEqual(body["status"], status)
    for member in ("type", "title", "detail", "code", "requestId"):
        test.assertTrue(body[member], f"{member} in {body}")
    test.assertRegex(body["code"], "^[a-z][a-z0-9_]*$")
    test.assertEqual(body["requestId"], answer.headers["X-Request-Id"])
    if code:
        test.assertEqual(body["code"], code, body)
    if field:
        test.assertEqual([entry["field"] for entry in body["fields"]], [field], body)
    return body


class ApiTest(unittest.TestCase):
    """A server of the class's own with an administrator's client."""
    ARGUMENTS = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(arguments=["--log-level=debug", *cls.ARGUMENTS])
        cls.addClassCleanup(cls.server.close)
        cls.admin = cls.server.client()
        cls.clients = {}

    def make_user(self, username, role="user"):
        answer = self.admin.api("POST", "/users", {"username": username, "password": PASSWORD, "role": role})
        self.assertIn(answer.status, (201, 409), answer)

    def client(self, username):
        """A new sign-in of a user whose password is the tests'."""
        return self.server.client(username, PASSWORD)

    def as_user(self, username, role="user"):
        """A kept client of a user, who is made when he is not there."""
        if username not in self.clients:
            self.make_user(username, role)
            self.clients[username] = self.client(username)
        return self.clients[username]
