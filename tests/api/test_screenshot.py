"""Pictures of sessions: a PNG of what the display shows, and clear words when there is none."""
import struct
import time
import unittest
import zlib

from apitest import ApiTest, problem
from robot_agent import RobotAgent


def read_png(data):
    """Width, height and rows of RGB pixels; filters as in ISO/IEC 15948."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n", data[:8]
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0], kind
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack(">IIBB", body[:10])
            assert (depth, colours) == (8, 2)
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    raw, rows, before, stride = zlib.decompress(packed), [], bytes(width * 3), width * 3
    for y in range(height):
        kind, row = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            left = row[x - 3] if x >= 3 else 0
            up, corner = before[x], before[x - 3] if x >= 3 else 0
            guess = left + up - corner
            paeth = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
            row[x] = (row[x] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
        rows.append(bytes(row))
        before = row
    return width, height, rows


class Screenshots(ApiTest):
    def agent(self, display, name):
        robot = RobotAgent(self.server, name, display=display)
        self.addCleanup(robot.close)
        return robot

    def session(self):
        name = self.admin.create()
        self.admin.wait_state(name, "running")
        self.addCleanup(lambda: self.admin.api("DELETE", f"/sessions/{name}"))
        return name

    def test_it_is_what_the_display_shows(self):
        self.agent("rfb", "painter")
        name = self.session()
        answer = self.admin.api("GET", f"/sessions/{name}/screenshot.png")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "image/png"), answer)
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        width, height, rows = read_png(answer.body)
        self.assertEqual((width, height), (RobotAgent.WIDTH, RobotAgent.HEIGHT))
        for y in (0, 7, height - 1):
            for x in (0, 5, width - 1):
                self.assertEqual(rows[y][3 * x:3 * x + 3], bytes(RobotAgent.colour(x, y)), (x, y))
        self.assertEqual(self.admin.session(name)["viewers"], 0)

    def test_no_picture_says_why(self):
        robot = self.agent("echo", "mirror")  # says what it is told: no display
        name = self.session()
        begin = time.monotonic()
        problem(self, self.admin.api("GET", f"/sessions/{name}/screenshot.png"), 503, "display_timeout")
        self.assertLess(time.monotonic() - begin, 9)
        robot.display = "error"
        problem(self, self.admin.api("GET", f"/sessions/{name}/screenshot.png"), 503, "stream_failed")
        robot.display = "noise"
        problem(self, self.admin.api("GET", f"/sessions/{name}/screenshot.png"), 503, "bad_display")
        self.admin.expect(202, "DELETE", f"/sessions/{name}")
        self.admin.wait_state(name, "terminated")
        problem(self, self.admin.api("GET", f"/sessions/{name}/screenshot.png"), 409, "not_running")


if __name__ == "__main__":
    unittest.main()
