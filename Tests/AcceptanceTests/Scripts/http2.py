"""HTTP/2 below any client: frames that no client would send.

Source: RFC 9113, section 4.1 (frames) and section 6; RFC 7541, section 6.2.2 (literal fields that are not indexed).
"""

import contextlib
import select
import socket
import ssl
import struct
import time
import urllib.parse

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
ENHANCE_YOUR_CALM = 11
INITIAL_WINDOW_SIZE = 4
# Whole entries of the static table (RFC 7541, appendix A).
STATUSES = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def integer(value, prefix):
    """RFC 7541, section 5.1."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([value])
    rest, encoded = value - most, [most]
    while rest >= 128:
        encoded.append(rest % 128 + 128)
        rest //= 128
    return bytes(encoded + [rest])


def field(name, value):
    return b"\0" + integer(len(name), 7) + name.encode() + integer(len(value), 7) + value.encode()


def fields(method="GET", path="/ping", authority="localhost", **more):
    pseudo = {":method": method, ":scheme": "https", ":path": path, ":authority": authority}
    return b"".join(field(name, value) for name, value in (pseudo | more).items())


def connect(endpoint, roots, protocols=("h2",), settings=b""):
    """A connection on which the client has said hello."""
    url = urllib.parse.urlsplit(endpoint)
    context = ssl.create_default_context(cafile=str(roots))
    context.set_alpn_protocols(list(protocols))
    plain = socket.create_connection((url.hostname, url.port), timeout=10)
    secure = context.wrap_socket(plain, server_hostname=url.hostname)
    if "h2" in protocols:
        secure.sendall(PREFACE + frame(SETTINGS, payload=settings))
    return secure


class Frames:
    """The frames that come on a connection."""

    def __init__(self, connection):
        self.connection = connection
        self.rest = b""
        self.is_over = False

    def read(self, seconds):
        """What comes within so many seconds, or until the connection ends."""
        found, deadline = [], time.monotonic() + seconds
        while not self.is_over and (left := deadline - time.monotonic()) > 0:
            if not self.connection.pending() and not select.select([self.connection], [], [], left)[0]:
                break
            try:
                piece = self.connection.recv(65536)
            except OSError:
                piece = b""
            self.is_over = not piece
            self.rest += piece
            found += self._whole()
        return found

    def until(self, kind, seconds=10):
        """The first frame of this kind; frames before it are dropped, and so are those behind it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.is_over:
            for each in self.read(0.1):
                if each[0] == kind:
                    return each
        return None

    def _whole(self):
        while len(self.rest) >= 9:
            count = int.from_bytes(self.rest[:3], "big")
            if len(self.rest) < 9 + count:
                break
            kind, flags = self.rest[3], self.rest[4]
            stream = int.from_bytes(self.rest[5:9], "big")
            payload, self.rest = self.rest[9 : 9 + count], self.rest[9 + count :]
            yield kind, flags, stream, payload


def goaway_code(payload):
    return int.from_bytes(payload[4:8], "big")


def send(connection, data):
    """Sends what the server takes; it may have closed the connection by then."""
    with contextlib.suppress(OSError):
        connection.sendall(data)
        return True
    return False
