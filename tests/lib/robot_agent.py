"""An agent of a few lines that speaks the protocol and runs nothing: for tests that need to decide what an agent does.

It acknowledges and completes what it is told; `hold` keeps answers to an action back, `display` decides what happens to
streams: "echo" sends back what comes, "rfb" shows a picture of many colours (RFC 6143), "noise" says
what no display says, "silent" opens and never says a word, "error" says stream_error, "absent" does not
answer at all.
"""
import datetime
import json
import socket
import struct
import threading

from streamspace import BOOTSTRAP_KEY, Client, wait_for
from websocket import Closed, WebSocket


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class RobotAgent:
    WIDTH, HEIGHT = 40, 24  # of the picture

    def __init__(self, server, agent_id="robot-1", platform="local", max_sessions=50, display="echo", log=b"line 1\nline 2\n",
                 key=BOOTSTRAP_KEY, connect=True):
        self.server, self.agent_id, self.display, self.log = server, agent_id, display, log
        self.hold = set()
        self.messages = []
        self.commands = []
        self.streams = []
        self.follows = False  # leaves logs that are followed open, for push()
        self.followed = []
        self.generation = None
        self.ended = threading.Event()
        self.lock = threading.Lock()
        client = Client(server.url)
        answer = client.api("POST", "/agents/register", {
            "agentId": agent_id, "platform": platform,
            "capacity": {"maxSessions": max_sessions, "cpu": "64", "memory": "256Gi"}},
            headers={"X-Agent-API-Key": key})
        assert answer.status in (200, 201), answer
        self.key = answer.json.get("apiKey", key)
        client.close()
        if connect:
            self.connect()

    def connect(self, wait=True):
        self.socket = WebSocket("127.0.0.1", self.server.port, f"/api/v1/agents/connect?agent_id={self.agent_id}",
                                headers=[("X-Agent-API-Key", self.key)], protocol=None)
        self.send("hello", protocolVersion=1, agentVersion="robot", instanceId=f"instance-{self.agent_id}",
                  runtime="robot", capabilities=["logs"], heartbeatSeconds=20, inventory=[], openCommands=[])
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        if wait:
            wait_for(f"{self.agent_id} is welcomed", lambda: self.generation is not None)

    def send(self, kind, **payload):
        with self.lock:
            self.socket._send(1, json.dumps({"type": kind, "timestamp": now(), "payload": payload}).encode())

    def _run(self):
        try:
            while not self.ended.is_set():
                try:
                    message = json.loads(self.socket.receive(1))
                except TimeoutError:
                    self.send("heartbeat", status="online", activeSessions=0)
                    continue
                self.messages.append(message)
                self._on(message["type"], message["payload"])
        except (Closed, OSError, ValueError):
            pass

    def _on(self, kind, payload):
        if kind == "welcome":
            self.generation = payload["generation"]
        elif kind == "ping":
            self.send("pong", nonce=payload["nonce"])
        elif kind == "command":
            self.commands.append(payload)
            if payload["action"] not in self.hold:
                self.answer(payload)
        elif kind == "stream_open":
            if self.display == "error" or (payload["kind"] == "log" and self.log is None):
                self.send("stream_error", streamId=payload["streamId"], error="the display does not answer")
            elif self.display != "absent":
                threading.Thread(target=self._stream, args=(payload,), daemon=True).start()

    def answer(self, command):
        same = {"commandId": command["commandId"], "attempt": command["attempt"]}
        self.send("ack", **same)
        name = command["payload"].get("sessionId")
        if command["action"] == "start_session":
            self.send("status", sessionId=name, state="starting", reason="pretending")
            self.send("complete", result={"sessionId": name, "state": "running"}, **same)
        else:
            self.send("complete", result={"sessionId": name, "state": "terminated"}, **same)

    def dial(self, payload, token=None, key=None):
        """Step 1 of a stream: returns (status, socket)."""
        peer = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
        peer.sendall((f"GET {payload['path']} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                      f"Upgrade: streamspace-stream\r\nX-Agent-API-Key: {key or self.key}\r\n"
                      f"Authorization: Bearer {token or payload['token']}\r\n\r\n").encode())
        head = b""
        while b"\r\n\r\n" not in head:
            data = peer.recv(1)
            if not data:
                break
            head += data
        return int(head.split(b" ")[1]) if head else 0, peer

    @staticmethod
    def colour(x, y):
        return (x * 6, y * 10, (x + y) & 255)

    def _paint(self, peer):
        """One viewer: raw pixels in the order that a screenshot asks for, to each request."""
        def read(count):
            data = b""
            while len(data) < count:
                part = peer.recv(count - len(data))
                if not part:
                    raise OSError("the viewer is gone")
                data += part
            return data
        peer.settimeout(60)
        peer.sendall(b"RFB 003.008\n")
        read(12)
        peer.sendall(b"\x01\x01")
        read(1)
        peer.sendall(bytes(4))
        read(1)
        peer.sendall(struct.pack(">HH16sI", self.WIDTH, self.HEIGHT, bytes(16), 5) + b"robot")
        while True:
            kind = read(1)[0]
            if kind == 0:
                read(19)
            elif kind == 2:
                read(4 * struct.unpack(">xH", read(3))[0])
            elif kind == 3:
                read(9)
                pixels = b"".join(bytes((*self.colour(x, y), 0)) for y in range(self.HEIGHT) for x in range(self.WIDTH))
                peer.sendall(struct.pack(">BxHHHHHi", 0, 1, 0, 0, self.WIDTH, self.HEIGHT, 0) + pixels)
            else:
                read(7)

    def _stream(self, payload):
        status, peer = self.dial(payload)
        self.streams.append((payload, status, peer))
        if status != 101:
            peer.close()
            return
        try:
            if payload["kind"] == "log":
                peer.sendall(self.log)
                if self.follows and payload.get("follow"):
                    self.followed.append(peer)
                else:
                    peer.close()
            elif self.display == "rfb":
                self._paint(peer)
            elif self.display == "noise":
                peer.sendall(b"no display at all")
                peer.recv(1)
            elif self.display == "echo":
                peer.settimeout(60)
                while True:
                    data = peer.recv(65536)
                    if not data:
                        break
                    peer.sendall(data)
                peer.close()
        except OSError:
            pass

    def push(self, text):
        """What comes to a log, to all that follow it."""
        for peer in self.followed:
            peer.sendall(text)

    def drop_followers(self):
        for peer in self.followed:
            peer.close()
        self.followed.clear()

    def close(self):
        self.ended.set()
        try:
            self.socket.close()
        except (OSError, AttributeError):
            pass
        for _, _, peer in self.streams:
            peer.close()
