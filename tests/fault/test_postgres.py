"""PostgreSQL goes away, hangs, loses connections, comes back: requests are answered at once, nothing is lost, nobody has
to restart anything."""
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from robot_agent import RobotAgent
from streamspace import PASSWORD, PROGRAM, ROOT, Client, Server, wait_for
from postgres import Postgres

sys.path.insert(0, os.path.join(ROOT, "tests", "api"))
from apitest import problem  # noqa: E402
from test_events import Watcher  # noqa: E402


class Load:
    """Threads that read and change without a pause; (end, seconds, status, code) of each answer."""

    def __init__(self, server, token, name, threads=6):
        self.server, self.token, self.name = server, token, name
        self.answers, self.over = [], threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(threads)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        client = Client(self.server.url, self.token)
        while not self.over.is_set():
            begin = time.monotonic()
            if number % 3:
                answer = client.api("GET", f"/sessions/{self.name}")
            else:
                answer = client.api("PATCH", f"/sessions/{self.name}", {"tags": [f"t{len(self.answers) % 7}"]})
            end = time.monotonic()
            self.answers.append((end, end - begin, answer.status, answer.json.get("code") if answer.status >= 400 else None))

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a request hangs"

    def since(self, moment):
        return [answer for answer in list(self.answers) if answer[0] - answer[1] >= moment]

    def check(self, test):
        """Nothing but success and "unavailable" has been seen."""
        odd = [answer for answer in self.answers if answer[2] != 200 and (answer[2] != 503 or answer[3] not in (
            "database_unavailable", "database_busy"))]
        test.assertFalse(odd, odd[:5])


class Away(unittest.TestCase):
    def setUp(self):
        # A crash of its processes loses nothing then; only one of the machine would.
        self.postgres = Postgres({"synchronous_commit": "on", "full_page_writes": "on"})
        self.addCleanup(self.postgres.close)
        self.name = self.postgres.create()
        self.server = Server(env={"STREAMSPACE_DATABASE": self.postgres.url(self.name)},
                             arguments=["--database-timeout=1s", "--log-level=debug"])
        self.addCleanup(self.server.close)
        self.admin = self.server.client()
        self.robot = RobotAgent(self.server)
        self.addCleanup(self.robot.close)
        self.session = self.admin.create()
        self.admin.wait_state(self.session, "running")

    def ready(self):
        return self.server.anonymous().request("GET", "/readyz").status

    def load(self):
        load = Load(self.server, self.admin.token, self.session)
        self.addCleanup(load.over.set)
        wait_for("the load has begun", lambda: len(load.answers) > 50)
        return load

    def test_stopped_and_started_again_under_load(self):
        watcher = Watcher(self.server, self.admin.token)
        self.addCleanup(watcher.close)
        load = self.load()
        for how in (signal.SIGINT, signal.SIGQUIT):  # in order, and as a crash
            self.postgres.stop(how)
            gone = time.monotonic()
            wait_for("/readyz tells", lambda: self.ready() == 503, 3)
            wait_for("requests are refused", lambda: len(load.since(gone + 0.2)) > 200)
            refused = load.since(gone + 0.2)
            self.assertEqual({(answer[2], answer[3]) for answer in refused}, {(503, "database_unavailable")})
            self.assertLess(sorted(answer[1] for answer in refused)[len(refused) * 99 // 100], 0.25, "at once")
            self.assertEqual(self.server.anonymous().request("GET", "/health").status, 200)
            problem(self, self.admin.api("GET", "/sessions"), 503, "database_unavailable")
            self.postgres.start()
            back = time.monotonic()
            wait_for("it is back by itself", lambda: self.ready() == 200, 6)
            wait_for("requests are served", lambda: [answer for answer in load.since(back) if answer[2] == 200], 6)
            settled = time.monotonic()
            wait_for("and go on", lambda: len(load.since(settled)) > 100)
            self.assertEqual({answer[2] for answer in load.since(settled)}, {200})
        load.stop()
        load.check(self)
        # What lives on the server's own sockets has not noticed.
        self.assertFalse(self.robot.ended.is_set())
        self.assertEqual(self.admin.session(self.session)["state"], "running")
        other = self.admin.create()
        self.admin.wait_state(other, "running")
        seen = watcher.until(lambda event: event[1] == "session" and event[2].get("name") == other and
                             event[2].get("state") == "running")
        ids = [event[0] for event in seen]
        self.assertEqual(ids, sorted(set(ids)))
        stored = [int(row[0]) for row in self.postgres.sql(
            f"SELECT id FROM events WHERE kind = 'session' AND id BETWEEN {ids[0]} AND {ids[-1]} ORDER BY id", self.name)]
        self.assertEqual([event[0] for event in seen if event[1] == "session"], stored, "no event is lost")

    def test_hanging(self):
        """The machine is there and nothing answers: only who was under way waits, and no longer than the limit."""
        load = self.load()
        self.postgres.pause()
        gone = time.monotonic()
        wait_for("/readyz tells", lambda: self.ready() == 503, 10)
        told = time.monotonic()
        wait_for("requests are refused", lambda: len(load.since(told)) > 100)
        late = load.since(told)
        self.assertEqual({answer[2] for answer in late}, {503})
        self.assertLess(sorted(answer[1] for answer in late)[len(late) * 99 // 100], 0.25, "at once")
        self.assertLess(max(answer[1] for answer in load.since(gone - 30)), 6)
        self.assertEqual(self.server.anonymous().request("GET", "/health").status, 200)
        self.postgres.resume()
        wait_for("it is back by itself", lambda: self.ready() == 200, 10)
        settled = time.monotonic()
        wait_for("and goes on", lambda: len(load.since(settled)) > 100)
        self.assertEqual({answer[2] for answer in load.since(settled)}, {200})
        load.stop()
        load.check(self)

    def test_connections_are_ended(self):
        load = self.load()
        watcher = Watcher(self.server, self.admin.token)
        self.addCleanup(watcher.close)
        for _ in range(15):
            self.postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                              f"'{self.name}' AND pid <> pg_backend_pid()")
            seen = len(load.answers)
            wait_for("requests go on", lambda: len(load.answers) > seen + 20)
        load.stop()
        load.check(self)
        served = sum(answer[2] == 200 for answer in load.answers)
        self.assertGreater(served, len(load.answers) * 0.9)
        other = self.admin.create()
        self.admin.wait_state(other, "running")
        watcher.until(lambda event: event[1] == "session" and event[2].get("name") == other)
        self.assertEqual(self.ready(), 200)

    def test_only_reading_for_a_while(self):
        """As after a change of roles in a cluster: what reads is served, what writes is told, and it passes."""
        self.postgres.sql(f'ALTER DATABASE "{self.name}" SET default_transaction_read_only = on')
        end = ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
               f"'{self.name}' AND pid <> pg_backend_pid()")
        self.postgres.sql(end)
        wait_for("it is read", lambda: self.admin.api("GET", f"/sessions/{self.session}").status == 200)
        problem(self, self.admin.api("PATCH", f"/sessions/{self.session}", {"tags": ["x"]}), 503, "database_unavailable")
        self.postgres.sql(f'ALTER DATABASE "{self.name}" RESET default_transaction_read_only')
        self.postgres.sql(end)
        wait_for("it is written", lambda: self.admin.api(
            "PATCH", f"/sessions/{self.session}", {"tags": ["y"]}).status == 200)


class Start(unittest.TestCase):
    def run_server(self, *arguments, env, seconds=30):
        with tempfile.TemporaryDirectory() as data:
            return subprocess.run([PROGRAM, "server", "--listen=127.0.0.1:0", f"--data-dir={data}", *arguments],
                                  env={"PATH": os.environ["PATH"], "ADMIN_PASSWORD": PASSWORD, **env}, text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)

    def test_a_start_waits_for_the_database(self):
        postgres = Postgres()
        self.addCleanup(postgres.close)
        url = postgres.url(postgres.create())
        postgres.stop()
        begin = time.monotonic()
        told = self.run_server("--database-wait=1s", env={"STREAMSPACE_DATABASE": url})
        self.assertEqual(told.returncode, 1, told)
        self.assertRegex(told.stderr, "cannot reach the database")
        self.assertLess(time.monotonic() - begin, 10)
        later = threading.Timer(1.5, postgres.start)
        later.start()
        server = Server(env={"STREAMSPACE_DATABASE": url}, arguments=["--database-wait=30s"])
        self.addCleanup(server.close)
        later.join()
        self.assertIn("waiting for the database", server.output)
        server.client().expect(200, "GET", "/auth/me")

    def test_two_servers_start_together_and_share(self):
        postgres = Postgres()
        self.addCleanup(postgres.close)
        env = {"STREAMSPACE_DATABASE": postgres.url(postgres.create())}
        servers = [None, None]

        def start(number):
            servers[number] = Server(env=env)

        threads = [threading.Thread(target=start, args=(number,)) for number in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        for server in servers:
            self.assertIsNotNone(server)
            self.addCleanup(server.close)
        client = servers[0].client()
        there = Client(servers[1].url, client.token)
        self.assertEqual(there.expect(200, "GET", "/auth/me")["username"], "admin")
        watcher = Watcher(servers[1], client.token)
        self.addCleanup(watcher.close)
        robot = RobotAgent(servers[0])
        self.addCleanup(robot.close)
        name = client.create()
        watcher.until(lambda event: event[1] == "session" and event[2].get("name") == name)
        self.assertEqual(there.session(name)["name"], name)


class Reached(unittest.TestCase):
    """By TCP with a password and TLS, as the URL says."""

    @classmethod
    def setUpClass(cls):
        cls.postgres = Postgres()
        cls.addClassCleanup(cls.postgres.close)
        cls.name = cls.postgres.create()
        cls.postgres.sql("CREATE ROLE app LOGIN PASSWORD 'p:ss/w@rd-1234'; "
                         f'ALTER DATABASE "{cls.name}" OWNER TO app')
        for certificate in ("server", "stranger"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                            f"{cls.postgres.directory}/{certificate}.key", "-out",
                            f"{cls.postgres.directory}/{certificate}.crt"], check=True, stderr=subprocess.DEVNULL)
        if cls.postgres.account:
            os.chown(f"{cls.postgres.directory}/server.key", cls.postgres.account["user"], cls.postgres.account["group"])
        os.chmod(f"{cls.postgres.directory}/server.key", 0o600)
        with open(f"{cls.postgres.data}/pg_hba.conf", "w", encoding="ascii") as rules:
            rules.write("local all all trust\nhostssl all app 127.0.0.1/32 scram-sha-256\n")
        cls.postgres.stop()
        cls.postgres.settings.update(ssl="on", ssl_cert_file=f"{cls.postgres.directory}/server.crt",
                                     ssl_key_file=f"{cls.postgres.directory}/server.key")
        cls.postgres.start()

    def url(self, password="p%3Ass%2Fw%40rd-1234", **parameters):
        query = "&".join(f"{key}={value}" for key, value in parameters.items())
        return f"postgresql://app:{password}@localhost:{self.postgres.port}/{self.name}?{query}"

    def test_tls_with_the_right_certificate(self):
        server = Server(env={"STREAMSPACE_DATABASE": self.url(
            sslmode="verify-full", sslrootcert=f"{self.postgres.directory}/server.crt")}, arguments=["--log-level=debug"])
        self.addCleanup(server.close)
        client = server.client()
        counted = self.postgres.sql("SELECT COUNT(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                                    "WHERE ssl AND application_name = 'streamspace' AND usename = 'app'")
        self.assertGreaterEqual(int(counted[0][0]), 2)
        shown = client.expect(200, "GET", "/settings")["settings"]
        value = next(row["value"] for row in shown if row["name"] == "database")
        self.assertRegex(value, r"^postgresql://app:\*+@localhost")
        self.assertNotIn("p%3Ass", server.output)

    def test_strangers_and_wrong_passwords_are_refused(self):
        run = Start.run_server
        for url, what in (
                (self.url(sslmode="verify-full", sslrootcert=f"{self.postgres.directory}/stranger.crt"), "certificate verify failed"),
                (self.url(sslmode="disable"), "no pg_hba.conf entry"),
                (self.url(password="wrong"), "password authentication failed")):
            begin = time.monotonic()
            told = run(self, env={"STREAMSPACE_DATABASE": url})
            self.assertEqual(told.returncode, 1, told)
            self.assertIn(what, told.stderr)
            self.assertNotIn("w%40rd", told.stderr)
            self.assertLess(time.monotonic() - begin, 10, "refusals are not waited for")


if __name__ == "__main__":
    unittest.main()
