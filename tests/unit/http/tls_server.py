"""A TLS server for one test: makes a certificate for 127.0.0.1, prints its port, then for every connection answers a
WebSocket handshake and echoes what comes, a few bytes at a time. Usage: tls_server.py DIRECTORY"""
import base64
import hashlib
import socket
import ssl
import subprocess
import sys

directory = sys.argv[1]
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{directory}/key.pem", "-out",
                f"{directory}/cert.pem"], check=True, stderr=subprocess.DEVNULL)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{directory}/cert.pem", f"{directory}/key.pem")
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    plain, _ = listener.accept()
    plain.settimeout(20)
    try:
        with context.wrap_socket(plain, server_side=True) as client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            client.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\nbehind")
            while data := client.recv(65536):
                client.sendall(data)
    except (OSError, IndexError):
        pass
