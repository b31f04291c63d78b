"""A small client of the Kubernetes API for the tests themselves: JSON over HTTPS, one request a connection."""

import http.client
import json
import ssl
import urllib.parse

from kubernetes.lab import inside

MERGE_PATCH = "application/merge-patch+json"


class ApiError(AssertionError):
    """The server answered with a status of 400 or more."""

    def __init__(self, method, path, status, body):
        super().__init__(f"{method} {path}: {status} {body[:2000]}")
        self.status = status


class _Connection(http.client.HTTPSConnection):
    """HTTPS from within a network namespace."""

    def __init__(self, host, port, netns, **options):
        super().__init__(host, port, **options)
        self._netns, self._tls = netns, options["context"]

    def connect(self):
        plain = inside.connect(self._netns, (self.host, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


class Api:
    """Requests as one user: with a client certificate, or with a bearer token; from within netns, if it is given."""

    def __init__(self, url, ca_file, certificate=None, token=None, netns="/proc/self/ns/net"):
        self._where = urllib.parse.urlsplit(url)
        self._netns = netns
        self._tls = ssl.create_default_context(cafile=ca_file)
        if certificate:
            self._tls.load_cert_chain(*certificate)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def request(self, method, path, body=None, content_type="application/json", timeout=30):
        """Sends a request and returns (status, text of the answer). OSError and HTTPException pass."""
        connection = _Connection(self._where.hostname, self._where.port, self._netns, timeout=timeout,
                                 context=self._tls)
        try:
            headers = {**self._headers, **({"Content-Type": content_type} if body is not None else {})}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def call(self, method, path, body=None, **options):
        """Sends a request and returns the object in the answer; ApiError from status 400 on."""
        status, text = self.request(method, path, body, **options)
        if status >= 400:
            raise ApiError(method, path, status, text)
        return json.loads(text)

    def get(self, path):
        """GET of an object or a list."""
        return self.call("GET", path)

    def create(self, path, item):
        """POST of an object to its collection."""
        return self.call("POST", path, item)

    def patch(self, path, change):
        """Merge PATCH of an object."""
        return self.call("PATCH", path, change, content_type=MERGE_PATCH)

    def delete(self, path, body=None):
        """DELETE of an object; body is its DeleteOptions."""
        return self.call("DELETE", path, body)

    def is_ready(self):
        """Whether the server says that it is ready; no while it does not answer."""
        try:
            return self.request("GET", "/readyz", timeout=5)[0] == 200
        except (OSError, http.client.HTTPException):
            return False
