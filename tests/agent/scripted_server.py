"""A TLS server that says what a test wants, byte by byte: for what a real API server does once in a year."""

import json
import os
import queue
import re
import select
import socket
import ssl
import subprocess
import threading
import time


def wait_until(condition, what, timeout=30):
    """Looks until condition() is true; returns its value."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {timeout} s: {what() if callable(what) else what}"
        time.sleep(0.02)
    return value


def run(*words):
    subprocess.run([str(word) for word in words], check=True, capture_output=True, timeout=60)


class Authority:
    """A certificate authority in a directory, with the openssl of the system."""

    def __init__(self, directory, name="ca"):
        self.directory = str(directory)
        self.key, self.certificate = os.path.join(self.directory, f"{name}.key"), os.path.join(self.directory, f"{name}.crt")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
            self.key, "-out", self.certificate, "-days", "30", "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, name, names="IP:127.0.0.1,DNS:localhost", days=30):
        """The certificate and key files of a server; a negative number of days: expired."""
        key, request, certificate, extensions = (os.path.join(self.directory, f"{name}.{end}")
                                                 for end in ("key", "csr", "crt", "ext"))
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
            "-out", request, "-subj", f"/CN={name}")
        with open(extensions, "w", encoding="utf-8") as file:
            file.write(f"subjectAltName={names}\n" if names else "basicConstraints=CA:FALSE\n")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
            "-out", certificate, "-days", days, "-extfile", extensions)
        return certificate, key

    def kubeconfig(self, url, **user):
        """A file that leads to a server of this authority's; `user`: by which credentials, a token if none."""
        path = os.path.join(self.directory, "kubeconfig")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                       "clusters": [{"name": "k", "cluster": {"server": url, "certificate-authority": self.certificate}}],
                       "users": [{"name": "u", "user": user or {"token": "t"}}]}, file)
        return path


def shut(stream):
    """Ends a connection without TLS's farewell; who waits for bytes on it is woken."""
    try:
        stream.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has ended


class Exchange:
    """One request that came, and the way to answer it."""

    def __init__(self, stream, lock, connection, head, body=""):
        self.stream, self.lock, self.connection = stream, lock, connection  # connection: its number
        lines = head.split("\r\n")
        self.method, self.target, _ = lines[0].split(" ", 2)
        self.headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines[1:] if line)}
        self.body = body

    def send(self, text):
        with self.lock:  # OpenSSL's sessions are for one thread at a time
            self.stream.sendall(text.encode() if isinstance(text, str) else text)

    def head(self, status=200, *more):
        """The head of a chunked answer."""
        self.send("\r\n".join([f"HTTP/1.1 {status} X", "Content-Type: application/json", "Transfer-Encoding: chunked",
                               *more, "", ""]))

    def chunk(self, text):
        self.send(f"{len(text.encode()):x}\r\n{text}\r\n")

    def end(self):
        self.send("0\r\n\r\n")

    def answer(self, document, status=200, *more):
        text = document if isinstance(document, str) else json.dumps(document)
        self.send("\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(text.encode())}", *more, "", ""]) + text)

    def event(self, kind, document):
        self.chunk(json.dumps({"type": kind, "object": document}) + "\n")

    def close(self):
        shut(self.stream)


class ScriptedServer:
    """Listens on a port of its own, at 127.0.0.1 unless told. Each request waits in `requests` until a test answers it."""

    def __init__(self, certificate, key, address="127.0.0.1"):
        self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"https://{address}:{self.port}"
        self.requests = queue.Queue()
        self.refused = queue.Queue()  # handshakes that failed, as texts
        self.connections = 0
        self.greets = threading.Event()  # while it is not set, TLS's handshakes wait
        self.greets.set()
        self.streams = []
        self.use(certificate, key)
        threading.Thread(target=self._accept, daemon=True).start()

    def use(self, certificate, key, client_ca=None):
        """Serves new connections with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if client_ca:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        self.context = context

    def _accept(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(raw, self.connections), daemon=True).start()

    def _serve(self, raw, number):
        self.greets.wait()
        try:
            stream = self.context.wrap_socket(raw, server_side=True)
        except OSError as error:
            self.refused.put(str(error))
            return
        self.streams.append(stream)
        waiting, lock = b"", threading.Lock()
        while True:
            try:
                if not stream.pending():
                    select.select([stream], [], [])
                with lock:
                    got = stream.recv(65536)
            except (OSError, ValueError):
                return
            if not got:
                return
            waiting += got
            while b"\r\n\r\n" in waiting:
                head, rest = waiting.split(b"\r\n\r\n", 1)
                length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
                length = int(length[1]) if length else 0
                if len(rest) < length:
                    break  # the body is on its way
                body, waiting = rest[:length], rest[length:]
                self.requests.put(Exchange(stream, lock, number, head.decode(), body.decode()))

    def next(self, timeout=30):
        """The next request; fails the test when none comes."""
        return self.requests.get(timeout=timeout)

    def close(self):
        shut(self.listener)  # wakes who accepts
        self.listener.close()
        for stream in self.streams:
            shut(stream)
