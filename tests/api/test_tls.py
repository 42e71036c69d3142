"""https by --tls-cert and --tls-key: the page, the API, agents, viewers and the command line against it."""
import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import time
import unittest

from apitest import cookies_of
from streamspace import PASSWORD, PROGRAM, Agent, Client, Place, Server, Up, wait_for
from websocket import Closed


def make_certificate(place, name, subject="localhost"):
    """A self-signed certificate for this machine's loopback; returns the paths of certificate and key."""
    certificate, key = os.path.join(place, f"{name}.pem"), os.path.join(place, f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                    "-out", certificate, "-days", "2", "-subj", f"/CN={subject}",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True, timeout=60)
    return certificate, key


class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Place()
        cls.addClassCleanup(cls.place.close)
        cls.certificate, cls.key = make_certificate(cls.place.path, "first")

    def start(self, *arguments):
        server = Server(arguments=[f"--tls-cert={self.certificate}", f"--tls-key={self.key}", *arguments],
                        ca_file=self.certificate)
        self.addCleanup(server.close)
        return server

    def connect(self, server, **options):
        context = ssl.create_default_context(cafile=self.certificate)
        for name, value in options.items():
            setattr(context, name, value)
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self.addCleanup(plain.close)
        return context.wrap_socket(plain, server_hostname="localhost")


class Serving(TlsTest):
    def test_the_page_and_its_cookies(self):
        server = self.start()
        self.assertTrue(server.url.startswith("https://"))
        client = server.anonymous()
        page = client.request("GET", "/", headers={"Accept": "text/html"})
        self.assertEqual(page.status, 200)
        self.assertIn("max-age=", page.headers["Strict-Transport-Security"])
        login = client.api("POST", "/auth/login", {"username": "admin", "password": PASSWORD})
        self.assertEqual(set(cookies_of(login)), {"__Host-streamspace_session", "__Host-csrf_token"})
        for line in login.headers.get_all("Set-Cookie"):
            self.assertIn("; Secure", line)
        cookie = "; ".join(f"{name}={value}" for name, value in cookies_of(login).items())
        me = client.api("GET", "/auth/me", headers={"Cookie": cookie})
        self.assertEqual(me.json["username"], "admin")

    def test_plain_http_is_not_served(self):
        server = self.start()
        client = Client(f"http://127.0.0.1:{server.port}")
        with self.assertRaises((OSError, http.client.HTTPException)):
            client.request("GET", "/health")
        self.assertEqual(server.anonymous().request("GET", "/health").status, 200)

    def test_old_protocols_are_refused(self):
        server = self.start()
        self.assertIn(self.connect(server).version(), ("TLSv1.2", "TLSv1.3"))
        with self.assertRaises(ssl.SSLError):
            self.connect(server, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)

    def test_a_large_body_both_ways(self):
        server = self.start()
        client = server.client()
        spec = client.api("GET", "/templates?limit=200").body
        self.assertGreater(len(spec), 10000)
        answer = client.request("POST", "/api/v1/auth/login", raw=b"x" * 900_000, headers={"Content-Type": "application/json"})
        self.assertEqual(answer.status, 413)

    def test_a_handshake_that_never_comes(self):
        server = self.start("--header-timeout=1s")
        begun = time.monotonic()
        silent = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self.addCleanup(silent.close)
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(silent.recv(1), b"")
        self.assertLess(time.monotonic() - begun, 5)

    def test_events_and_their_end(self):
        server = self.start()
        client = server.client()
        stream = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=20, context=client.tls)
        self.addCleanup(stream.close)
        stream.request("GET", "/api/v1/events", headers={"Authorization": f"Bearer {client.token}"})
        events = stream.getresponse()
        self.assertTrue(events.readline().startswith(b"retry:"))
        begun = time.monotonic()
        server.stop()
        self.assertLess(time.monotonic() - begun, 5)


class Streams(TlsTest):
    def session(self, server):
        client = server.client()
        agent = Agent(server, "tls-agent", arguments=[f"--ca-file={self.certificate}"])
        self.addCleanup(agent.close)
        agent.wait_online(client)
        name = client.create()
        client.wait_state(name, "running")
        return client, name

    def cpu(self, server):
        with open(f"/proc/{server.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def test_bytes_go_through_and_nothing_spins(self):
        server = self.start()
        client, name = self.session(server)
        stream = client.stream(name)
        stream.send(b"hello")
        first = stream.read(1)
        self.assertEqual(len(first), 1)
        before = self.cpu(server)
        time.sleep(1)  # not waiting for anything: watching that idle streams cost nothing
        self.assertLess(self.cpu(server) - before, 0.3, "an idle stream spins")
        client.expect(202, "DELETE", f"/sessions/{name}")
        with self.assertRaises(Closed) as closed:
            while True:
                stream.receive(20)
        self.assertEqual(closed.exception.code, 4100)

    def test_viewers_and_agents_come_and_go(self):
        server = self.start()
        client, name = self.session(server)
        for _ in range(20):
            stream = client.stream(name)
            stream.send(b"x")
            stream.read(1)
            stream.close()
        descriptors = lambda: len(os.listdir(f"/proc/{server.pid}/fd"))
        wait_for("all of them are closed", lambda: client.session(name)["viewers"] == 0)
        wait_for("no descriptor is left over", lambda: descriptors() < 90)

    def test_the_end_of_the_server_is_told_to_viewers(self):
        server = self.start()
        client, name = self.session(server)
        stream = client.stream(name)
        stream.send(b"x")
        stream.read(1)
        begun = time.monotonic()
        server.child.send_signal(signal.SIGTERM)
        with self.assertRaises(Closed) as closed:
            while True:
                stream.receive(20)
        self.assertEqual(closed.exception.code, 1001, "a code that lets viewers come back")
        self.assertEqual(server.child.wait(20), 0, server.output[-2000:])
        self.assertLess(time.monotonic() - begun, 10)

    def test_everything_on_one_machine(self):
        """`up`: its agent trusts the server's certificate, and reads the same file of settings."""
        config = self.place.path + "/up.yaml"
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"tls-cert: {self.certificate}\ntls-key: {self.key}\nruntime: 'null'\nmax-sessions: 7\n")
        machine = Up(arguments=[f"--config={config}"], ca_file=self.certificate)
        self.addCleanup(machine.close)
        client = machine.client()
        agents = client.expect(200, "GET", "/agents")["agents"]
        self.assertEqual([(agent["status"], agent["capacity"]["maxSessions"]) for agent in agents], [("online", 7)])
        name = client.create()
        client.wait_state(name, "running")

    def test_an_agent_that_does_not_trust_the_certificate(self):
        server = self.start()
        agent = Agent(server, "doubter")
        self.addCleanup(agent.close)
        agent.wait_output("certificate|SSL|verif", 20)
        self.assertEqual(server.client().expect(200, "GET", "/agents")["total"], 0)

    def test_the_command_line(self):
        server = self.start()
        env = {"PATH": os.environ["PATH"], "HOME": self.place.path, "XDG_CONFIG_HOME": self.place.path + "/config"}

        def run(*words, text=""):
            return subprocess.run([PROGRAM, *words], input=text, text=True, capture_output=True, timeout=60, env=env,
                                  check=False)
        self.assertEqual(run("login", server.url, "--password-stdin", text=PASSWORD + "\n").returncode, 1)
        good = run("login", server.url, "--password-stdin", f"--ca-file={self.certificate}", text=PASSWORD + "\n")
        self.assertEqual(good.returncode, 0, good.stderr)
        listed = run("settings", "get", "tls-cert")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn(self.certificate, listed.stdout)


class Files(TlsTest):
    def serial(self, server):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as tls:
            return tls.getpeercert(binary_form=True)

    def test_they_are_read_again_at_sighup(self):
        certificate, key = os.path.join(self.place.path, "live.pem"), os.path.join(self.place.path, "live.key")
        for source, target in ((self.certificate, certificate), (self.key, key)):
            with open(source, "rb") as old, open(target, "wb") as new:
                new.write(old.read())
        server = Server(arguments=[f"--tls-cert={certificate}", f"--tls-key={key}"], ca_file=self.certificate)
        self.addCleanup(server.close)
        kept = server.client()
        first = self.serial(server)
        make_certificate(self.place.path, "live", "renewed")
        self.assertEqual(self.serial(server), first)
        server.child.send_signal(signal.SIGHUP)
        wait_for("the new certificate is shown", lambda: self.serial(server) != first)
        second = self.serial(server)
        kept.expect(200, "GET", "/auth/me")
        with open(key, "w", encoding="utf-8") as file:
            file.write("no key")
        server.child.send_signal(signal.SIGHUP)
        server.wait_output("the old one stays in use")
        self.assertEqual(self.serial(server), second)

    def test_a_server_that_cannot_use_them_does_not_start(self):
        _, other = make_certificate(self.place.path, "other")
        for arguments, message in (([f"--tls-cert={self.certificate}"], "go together"),
                                   ([f"--tls-key={self.key}"], "go together"),
                                   ([f"--tls-cert={self.certificate}", f"--tls-key={other}"], "is not the key of"),
                                   ([f"--tls-cert={self.certificate}", "--tls-key=/no/such"], "/no/such"),
                                   ([f"--tls-cert={self.key}", f"--tls-key={self.key}"], self.key)):
            result = subprocess.run([PROGRAM, "server", "--listen=127.0.0.1:0", f"--data-dir={self.place.path}/none", *arguments],
                                    capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertIn(message, result.stderr)


if __name__ == "__main__":
    unittest.main()
