"""A small blocking WebSocket client (RFC 6455), standard library only, for tests."""
import base64
import hashlib
import os
import select
import socket
import struct
import time


class Closed(Exception):
    """The peer closed the connection: code and reason of its close frame (1006 when there was none)."""

    def __init__(self, code, reason):
        super().__init__(f"closed with {code} {reason!r}")
        self.code, self.reason = code, reason


class Refused(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, status, body):
        super().__init__(f"handshake answered {status}: {body[:200]!r}")
        self.status, self.body = status, body


class WebSocket:
    """All reads have a deadline in seconds; masks what it sends, answers pings."""

    def __init__(self, host, port, target, headers=(), protocol="binary", timeout=10, tls=None):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        self.buffer = b""
        self.payload = bytearray()
        self.close_code = None
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {target} HTTP/1.1", f"Host: {host}:{port}", "Connection: Upgrade", "Upgrade: websocket",
                 "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        if protocol:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        lines += [f"{name}: {value}" for name, value in headers]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = self._head(timeout)
        status = int(head.split(" ", 2)[1])
        if status != 101:
            body = self.buffer
            self.socket.close()
            raise Refused(status, body)
        expected = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        if expected.decode() not in head:
            raise AssertionError("wrong Sec-WebSocket-Accept")
        self.head = head

    def _head(self, timeout):
        deadline = time.monotonic() + timeout
        while b"\r\n\r\n" not in self.buffer:
            self._fill(deadline)
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        return head.decode("latin-1")

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no data from the server in time")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 20)
        except socket.timeout:
            raise TimeoutError("no data from the server in time") from None
        except ConnectionResetError:
            data = b""
        if not data:
            raise Closed(self.close_code or 1006, "")
        self.buffer += data

    def _frame(self, deadline):
        def need(count):
            while len(self.buffer) < count:
                self._fill(deadline)
        need(2)
        opcode, length, start = self.buffer[0] & 15, self.buffer[1] & 127, 2
        if self.buffer[1] & 128:
            raise AssertionError("a server must not mask")
        if length == 126:
            need(4)
            length, start = struct.unpack(">H", self.buffer[2:4])[0], 4
        elif length == 127:
            need(10)
            length, start = struct.unpack(">Q", self.buffer[2:10])[0], 10
        need(start + length)
        data, self.buffer = self.buffer[start:start + length], self.buffer[start + length:]
        return opcode, data

    def receive(self, timeout=10):
        """The next data frame's payload. Raises Closed, TimeoutError."""
        deadline = time.monotonic() + timeout
        while True:
            opcode, data = self._frame(deadline)
            if opcode in (0, 1, 2):
                return data
            if opcode == 8:
                code = struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 1005
                self.close_code = code
                try:
                    self._send(8, data[:2])
                finally:
                    self.socket.close()
                raise Closed(code, data[2:].decode())
            if opcode == 9:
                self._send(10, data)

    def attend(self):
        """Takes in what has come, and answers pings, without waiting for more: for streams that are not read for long."""
        while select.select([self.socket], [], [], 0)[0]:
            opcode, data = self._frame(time.monotonic() + 10)
            if opcode in (0, 1, 2):
                self.payload += data
            elif opcode == 9:
                self._send(10, data)
            elif opcode == 8:
                raise Closed(struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 1005, data[2:].decode())

    def read(self, count, timeout=10):
        """Exactly `count` bytes of the stream, whatever the frames are."""
        deadline = time.monotonic() + timeout
        while len(self.payload) < count:
            self.payload += self.receive(max(0.001, deadline - time.monotonic()))
        data = bytes(self.payload[:count])
        del self.payload[:count]
        return data

    def _send(self, opcode, data):
        mask = os.urandom(4)
        length = len(data)
        if length < 126:
            head = bytes([0x80 | opcode, 0x80 | length])
        elif length < 65536:
            head = bytes([0x80 | opcode, 0x80 | 126]) + struct.pack(">H", length)
        else:
            head = bytes([0x80 | opcode, 0x80 | 127]) + struct.pack(">Q", length)
        whole = (mask * (length // 4 + 1))[:length]
        masked = (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(length, "big") if length else b""
        self.socket.sendall(head + mask + masked)

    def send(self, data):
        self._send(2, data)

    def close(self, code=1000):
        try:
            self._send(8, struct.pack(">H", code))
        except OSError:
            pass
        self.socket.close()
