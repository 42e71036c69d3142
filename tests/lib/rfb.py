"""A small RFB client (RFC 6143) on a WebSocket: pictures as raw pixels, keys and pointer, for tests."""
import hashlib
import struct
import time

RAW, COPY_RECT, DESKTOP_SIZE, EXTENDED_DESKTOP_SIZE = 0, 1, -223, -308

KEYSYMS = {"\n": 0xFF0D, "\t": 0xFF09, "\b": 0xFF08}
SHIFTED = '~!@#$%^&*()_+{}|:"<>?ABCDEFGHIJKLMNOPQRSTUVWXYZ'


class Rfb:
    def __init__(self, stream, timeout=10):
        """`stream` has read(count, timeout) and send(data): websocket.WebSocket."""
        self.stream, self.timeout = stream, timeout
        version = stream.read(12, timeout)
        assert version.startswith(b"RFB 003."), version
        stream.send(b"RFB 003.008\n")
        kinds = stream.read(stream.read(1, timeout)[0], timeout)
        assert 1 in kinds, f"security types {list(kinds)}"
        stream.send(b"\x01")
        assert stream.read(4, timeout) == b"\0\0\0\0", "security handshake failed"
        stream.send(b"\x01")  # shared
        self.width, self.height = struct.unpack(">HH", stream.read(4, timeout))
        stream.read(16, timeout)
        self.name = stream.read(struct.unpack(">I", stream.read(4, timeout))[0], timeout).decode()
        self.pixels = bytearray(self.width * self.height * 4)
        self.updates = 0
        stream.send(struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        encodings = [RAW, COPY_RECT, DESKTOP_SIZE]
        stream.send(struct.pack(f">BxH{len(encodings)}i", 2, len(encodings), *encodings))

    def request(self, incremental=True):
        self.stream.send(struct.pack(">BBHHHH", 3, int(incremental), 0, 0, self.width, self.height))

    def _rectangle(self, timeout):
        x, y, width, height, encoding = struct.unpack(">HHHHi", self.stream.read(12, timeout))
        if encoding == RAW:
            data = self.stream.read(width * height * 4, timeout)
            for row in range(height):
                at = ((y + row) * self.width + x) * 4
                self.pixels[at:at + width * 4] = data[row * width * 4:(row + 1) * width * 4]
        elif encoding == COPY_RECT:
            from_x, from_y = struct.unpack(">HH", self.stream.read(4, timeout))
            rows = [bytes(self.pixels[((from_y + row) * self.width + from_x) * 4:][:width * 4]) for row in range(height)]
            for row in range(height):
                at = ((y + row) * self.width + x) * 4
                self.pixels[at:at + width * 4] = rows[row]
        elif encoding == DESKTOP_SIZE:
            self.width, self.height = width, height
            self.pixels = bytearray(width * height * 4)
        else:
            raise AssertionError(f"unasked encoding {encoding}")

    def update(self, timeout=None):
        """Handles messages until one framebuffer update is in."""
        timeout = timeout or self.timeout
        while True:
            kind = self.stream.read(1, timeout)[0]
            if kind == 0:
                count = struct.unpack(">xH", self.stream.read(3, timeout))[0]
                for _ in range(count):
                    self._rectangle(timeout)
                self.updates += 1
                return
            if kind == 2:
                continue
            if kind == 3:
                self.stream.read(struct.unpack(">3xI", self.stream.read(7, timeout))[0], timeout)
                continue
            raise AssertionError(f"unknown server message {kind}")

    def picture(self, timeout=None):
        """A whole fresh picture; returns its digest."""
        self.request(incremental=False)
        self.update(timeout)
        return hashlib.sha256(self.pixels).hexdigest()

    def painted(self):
        """Whether there is more than one colour: none before any window is there."""
        return bytes(self.pixels) != bytes(self.pixels[:4]) * (len(self.pixels) // 4)

    def wait_picture(self, condition, timeout=10):
        """Takes updates until condition(self) holds."""
        deadline = time.monotonic() + timeout
        self.request(incremental=False)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the picture never became what was waited for")
            self.update(left)
            if condition(self):
                return
            self.request(incremental=True)

    def key(self, keysym, down):
        self.stream.send(struct.pack(">BBxxI", 4, int(down), keysym))

    def type(self, text):
        for character in text:
            shifted = character in SHIFTED
            if shifted:
                self.key(0xFFE1, True)
            keysym = KEYSYMS.get(character, ord(character))
            self.key(keysym, True)
            self.key(keysym, False)
            if shifted:
                self.key(0xFFE1, False)

    def pointer(self, x, y, buttons=0):
        self.stream.send(struct.pack(">BBHH", 5, buttons, x, y))

    def click(self, x, y, button=1):
        self.pointer(x, y)
        self.pointer(x, y, 1 << (button - 1))
        self.pointer(x, y)

    def cut_text(self, text):
        data = text.encode("latin-1")
        self.stream.send(struct.pack(">BxxxI", 6, len(data)) + data)
