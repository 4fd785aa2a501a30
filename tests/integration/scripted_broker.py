"""What stands where a broker should be: servers that stop at every step, and a proxy that fails."""

import datetime
import ipaddress
import select
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CONNACK_GOOD, CONNACK_NOT_AUTHORISED = b"\x20\x02\x00\x00", b"\x20\x02\x00\x05"


def certificate(authority, folder, name, days=2, host="localhost"):
    """A server's certificate of that authority, also one that has expired (days < 0)."""
    ca_key = serialization.load_pem_private_key((authority.folder / "ca.key").read_bytes(), None)
    ca = x509.load_pem_x509_certificate(authority.ca.read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    names = [x509.DNSName(host)]
    if host == "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    made = (x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]))
            .issuer_name(ca.subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=10))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName(names), False).sign(ca_key, hashes.SHA256()))
    path = folder / f"{name}.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return path


def read_packet(stream):
    """One MQTT packet: its first byte and the rest."""
    first = stream.recv(1)
    size, shift = 0, 0
    while first:
        byte = stream.recv(1)
        if not byte:
            return None
        size |= (byte[0] & 127) << shift
        shift += 7
        if byte[0] < 128:
            break
    body = b""
    while first and len(body) < size:
        more = stream.recv(size - len(body))
        if not more:
            return None
        body += more
    return (first[0], body) if first else None


class Server:
    """Accepts on a loopback port and plays `script(stream)` to each connection; ended by `with`."""

    def __init__(self, script, pem=None, port=0):
        self.script, self.context = script, None
        if pem:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(pem)
        self.socket = socket.create_server(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.accepted, self.open, self.ended = 0, [], threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.socket.close()
        for stream in self.open:
            stream.close()
        self.thread.join(5)

    def _run(self):
        self.socket.settimeout(0.1)
        while not self.ended.is_set():
            try:
                stream, _ = self.socket.accept()
            except socket.timeout:
                continue
            except OSError:
                return
            self.accepted += 1
            self.open.append(stream)
            threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream):
        try:
            stream.settimeout(30)
            if self.context:
                stream = self.context.wrap_socket(stream, server_side=True)
                self.open.append(stream)
            self.script(stream)
        except OSError:
            pass


def silent_at_once(stream):
    """Accepts and never answers anything."""
    threading.Event().wait(40)


def refuses_credentials(stream):
    read_packet(stream)
    stream.sendall(CONNACK_NOT_AUTHORISED)
    threading.Event().wait(1)


def silent_after_connack(stream):
    read_packet(stream)
    stream.sendall(CONNACK_GOOD)
    threading.Event().wait(40)


def refuses_subscription(stream):
    read_packet(stream)
    stream.sendall(CONNACK_GOOD)
    packet = read_packet(stream)
    stream.sendall(b"\x90\x03" + packet[1][:2] + b"\x80")
    threading.Event().wait(1)


def closes_unanswered(stream):
    read_packet(stream)
    stream.shutdown(socket.SHUT_RDWR)


class Proxy:
    """Between a program and the broker. `hold()` keeps the connections open and lets nothing
    through any more, as a router that forgot them does; `cut(n)` ends them after n more bytes."""

    def __init__(self, port):
        self.target = port
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.pairs, self.dead, self.left, self.ended = [], [], None, False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended = True
        self.thread.join(5)
        self.socket.close()
        self.pairs += self.dead
        self._close_all()

    def hold(self):
        """The connections that are open now die so; new ones go through."""
        self.dead += self.pairs
        self.pairs = []

    def cut(self, after=0):
        self.left = after

    def _close_all(self):
        for stream in (stream for pair in self.pairs for stream in pair):
            stream.close()
        self.pairs = []

    def _accept(self):
        here, _ = self.socket.accept()
        try:
            there = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            here.close()
            return
        self.pairs.append((here, there))

    def _carry(self, pair, source):
        target = pair[1] if source is pair[0] else pair[0]
        try:
            data = source.recv(65536)
            if data and self.left is not None:
                data, self.left = data[:self.left], self.left - len(data)
            if data:
                target.sendall(data)
            if not data or (self.left is not None and self.left <= 0):
                raise OSError
        except OSError:
            if self.left is not None:
                self.left = None
                self._close_all()
                return
            pair[0].close()
            pair[1].close()
            self.pairs.remove(pair)

    def _run(self):
        while not self.ended:
            streams = {stream: pair for pair in self.pairs for stream in pair}
            ready, _, _ = select.select([self.socket, *streams], [], [], 0.02)
            for stream in ready:
                if stream is self.socket:
                    self._accept()
                elif streams[stream] in self.pairs:
                    self._carry(streams[stream], stream)
