"""What is put before every script that runs inside a session: small probes that say what happened."""

PROBES = r'''
import ctypes, errno, json, os, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def result(value):
    print("RESULT " + json.dumps(value), flush=True)

def stay():
    while True:
        signal.pause()

def attempt(what, *arguments):
    """None when it worked, else the error's name."""
    try:
        what(*arguments)
        return None
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))

def syscall(number, *arguments):
    ctypes.set_errno(0)
    if libc.syscall(number, *arguments) >= 0:
        return None
    return errno.errorcode[ctypes.get_errno()]

def connect(address, port, limit=2.0):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(limit)
        try:
            s.connect((address, port))
            return "connected " + s.recv(64).decode()
        except OSError as error:
            return errno.errorcode.get(error.errno, "timeout")

def ask(address, port, limit=2.0, text=b"ping"):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(limit)
        try:
            s.sendto(text, (address, port))
            return "answer " + s.recv(64).decode(errors="replace")
        except OSError as error:
            return errno.errorcode.get(error.errno, "timeout")

def fill(path, chunk=1 << 20, most=4 << 30):
    """Writes until it is refused: (bytes, error)."""
    written = 0
    data = b"x" * chunk
    try:
        with open(path, "wb", buffering=0) as f:
            while written < most:
                written += f.write(data)
        return [written, None]
    except OSError as error:
        return [written, errno.errorcode[error.errno]]
'''


def script(text):
    return PROBES + "\n" + text
