"""Codes as an authenticator app makes them (RFC 6238), written independently of the server's."""
import base64
import hashlib
import hmac
import struct
import time


def code(secret, step=0):
    """The code of the present step, or of one before (-1) or after (+1) it. `secret` is Base32."""
    counter = int(time.time()) // 30 + step
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", counter), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


def settle(seconds=10):
    """Waits, if need be, for a step that lasts this long still, so that codes do not change under a test."""
    from streamspace import wait_for
    wait_for("a fresh step", lambda: time.time() % 30 < 30 - seconds, seconds + 5)
