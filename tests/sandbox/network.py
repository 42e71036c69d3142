"""A small world of network namespaces: a host that an agent runs on, and a server beside it. Nothing of it is visible
outside: the namespaces are held by processes and vanish with them."""

import os
import subprocess
import sys

HOST_ADDRESSES = ["10.88.0.1", "10.99.0.1", "fd88::1", "fd99::1"]
SERVER_ADDRESSES = ["10.88.0.2", "203.0.113.5", "fd88::2"]
METADATA = "169.254.169.254"

# Answers to every TCP connection and UDP packet with a word; `names` also answers DNS questions with one address.
SERVER = r'''
import socket, struct, sys, threading
word, places, names = sys.argv[1].encode(), sys.argv[2].split(","), sys.argv[3:]
def serve(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    tcp = socket.socket(family)
    udp = socket.socket(family, socket.SOCK_DGRAM)
    for s in (tcp, udp):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind((address, port))
    tcp.listen(64)
    def streams():
        while True:
            peer, _ = tcp.accept()
            peer.sendall(word)
            peer.close()
    def packets():
        while True:
            data, peer = udp.recvfrom(2048)
            if port != 53:
                udp.sendto(word, peer)
                continue
            kind = struct.unpack(">H", data[12:].split(b"\0", 1)[1][:2])[0]
            question = data[12:12 + data[12:].index(b"\0") + 5]
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + socket.inet_aton(names[0]) if kind == 1 else b""
            udp.sendto(data[:2] + struct.pack(">HHHHH", 0x8180, 1, 1 if answer else 0, 0, 0) + question + answer, peer)
    for run in (streams, packets):
        threading.Thread(target=run).start()
for place in places:
    address, _, port = place.rpartition("/")
    serve(address, int(port))
print("ready", flush=True)
'''


class World:
    def __init__(self, directory):
        self.processes = []
        self.host = self.hold()
        self.server = self.hold()
        self.resolv = os.path.join(directory, "resolv.conf")
        with open(self.resolv, "w") as file:
            file.write("# made by a test\nnameserver 127.0.0.53\noptions timeout:2 attempts:3\n")
        for line in (
                "link set lo up", "link add h0 type veth peer name s0 netns %d" % self.server.pid,
                "link add d0 type veth peer name d1", "link set h0 up", "link set d0 up", "link set d1 up",
                "addr add 10.88.0.1/24 dev h0", "addr add fd88::1/64 dev h0 nodad",
                "addr add 10.99.0.1/24 dev d0", "addr add fd99::1/64 dev d0 nodad"):
            self.ip(self.host, line)
        for line in ("link set lo up", "link set s0 up", "addr add 10.88.0.2/24 dev s0",
                     "addr add fd88::2/64 dev s0 nodad", "addr add 203.0.113.5/32 dev lo",
                     "addr add %s/32 dev lo" % METADATA):
            self.ip(self.server, line)
        self.ip(self.host, "route add default via 10.88.0.2")
        self.ip(self.host, "-6 route add default via fd88::2")
        self.serve(self.server, "server", "0.0.0.0/8080", "::/8080")
        self.serve(self.host, "control", "0.0.0.0/9000", "::/9000", "127.0.0.1/9001", "127.0.0.53/53",
                   names=["10.88.0.2"])

    def hold(self):
        process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 100000"], stdout=subprocess.PIPE)
        process.stdout.readline()
        self.processes.append(process)
        return process

    @staticmethod
    def enter(holder):
        return ["nsenter", "--net=/proc/%d/ns/net" % holder.pid]

    def ip(self, holder, line):
        subprocess.run(self.enter(holder) + ["ip"] + line.split(), check=True)

    def serve(self, holder, word, *places, names=()):
        process = subprocess.Popen(self.enter(holder) + [sys.executable, "-c", SERVER, word, ",".join(places), *names],
                                   stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        self.processes.append(process)

    def prefix(self):
        """For a command that shall run on this host: its network and its resolv.conf, everything else as here."""
        return self.enter(self.host) + ["unshare", "--mount", "sh", "-c",
                                        'mount --bind "$0" /etc/resolv.conf && exec "$@"', self.resolv]

    def python(self, holder, text):
        return subprocess.run(self.enter(holder) + [sys.executable, "-c", text], check=True, capture_output=True,
                              text=True, timeout=30).stdout.strip()

    def link_local(self, holder, device):
        text = subprocess.run(self.enter(holder) + ["ip", "-6", "-brief", "addr", "show", "dev", device, "scope", "link"],
                              check=True, capture_output=True, text=True).stdout
        return text.split()[2].split("/")[0]

    def close(self):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
            process.stdout.close()
