"""A small Kubernetes API over a scripted server: objects in a dictionary, lists, watches that resume, patches with their
versions checked. A test may take a request out of its hands (`trouble`), change objects without telling the watches, or
forget the past."""

import json
import queue
import re
import threading
import urllib.parse

BASES = {"nodes": "/api/v1", "services": "/api/v1", "secrets": "/api/v1", "events": "/api/v1",
         "leases": "/apis/coordination.k8s.io/v1"}
OURS = "/apis/slash32.io/v1alpha1"
PATH = re.compile(r"(?P<base>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<space>[^/]+))?/(?P<plural>[^/]+)"
                  r"(/(?P<name>[^/]+))?(?P<status>/status)?")


def merged(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    out = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value)
    return out


def status_of(code, message):
    """A Status object."""
    return {"kind": "Status", "apiVersion": "v1", "code": code, "message": message}


class Api:
    """Serves until close()."""

    def __init__(self, server):
        self.server, self.version, self.horizon = server, 100, 0  # horizon: what is not younger has been forgotten
        self.slices = "v1"  # the one version of EndpointSlices that there is
        self.objects, self.history, self.watches = {}, [], []
        self.trouble = []  # callables: True when they have answered the exchange
        self.seen, self.written = [], []  # (method, target, token), (method, target, body)
        self._lock, self._ended = threading.RLock(), False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    # ------------------------------------------------------------ what a test does

    def put(self, plural, item, told=True):
        """Makes or replaces an object. Not told: only who resumes, or lists, hears of it."""
        with self._lock:
            key = self._key(item)
            kind = "MODIFIED" if key in self._of(plural) else "ADDED"
            self._keep(plural, key, item, kind, told)

    def delete(self, plural, name, told=False):
        """Takes an object away. Not told: as a lease, which nobody watches."""
        with self._lock:
            if told:
                self._keep(plural, name, self._of(plural)[name], "DELETED")
            del self._of(plural)[name]

    def get(self, plural, name):
        """An object as it is, or None."""
        with self._lock:
            item = self._of(plural).get(name)
            return json.loads(json.dumps(item))

    def forget(self):
        """The past is compacted away: who resumes gets 410."""
        with self._lock:
            self.horizon = self.version

    def watch_of(self, plural):
        """The newest watch of a kind, to be written to by hand."""
        with self._lock:
            return [one["exchange"] for one in self.watches if one["plural"] == plural][-1]

    def written_to(self, part):
        """The bodies of all that was written to a path with this in it."""
        return [body for _, target, body in self.written if part in target]

    def close(self):
        self._ended = True
        self._thread.join()

    # ------------------------------------------------------------ what the API does

    @staticmethod
    def _key(item):
        space = item["metadata"].get("namespace")
        return (f"{space}/" if space else "") + item["metadata"]["name"]

    def _of(self, plural):
        return self.objects.setdefault(plural, {})

    def _keep(self, plural, key, item, kind, told=True):
        self.version += 1
        item = json.loads(json.dumps(item))
        item["metadata"]["resourceVersion"] = str(self.version)
        item["metadata"].setdefault("uid", f"uid-{self.version}")
        self._of(plural)[key] = item
        self.history.append((self.version, plural, key, kind, item))
        if told:
            for watch in list(self.watches):
                self._tell(watch, plural, key, kind, item)
        return item

    def _tell(self, watch, plural, key, kind, item):
        if watch["plural"] != plural or watch["name"] not in (None, key.split("/")[-1]):
            return
        try:
            watch["exchange"].event(kind, item)
        except OSError:
            self.watches.remove(watch)

    def _serve(self):
        while not self._ended:
            try:
                exchange = self.server.next(timeout=0.1)
            except queue.Empty:
                continue
            self.seen.append((exchange.method, exchange.target, exchange.headers.get("authorization")))
            try:
                if not any(trouble(exchange) for trouble in list(self.trouble)):
                    with self._lock:
                        self._answer(exchange)
            except OSError:
                pass  # who asked is gone

    def _answer(self, exchange):
        path, _, query = exchange.target.partition("?")
        if path == "/apis/discovery.k8s.io":
            return exchange.answer({"kind": "APIGroup", "versions": [{"version": self.slices}]})
        parts = PATH.fullmatch(path)
        assert parts, exchange.target
        if parts["plural"] == "endpointslices":
            if parts["base"] != f"/apis/discovery.k8s.io/{self.slices}":
                return exchange.answer("404 page not found", 404)
        else:
            assert parts["base"] == BASES.get(parts["plural"], OURS), exchange.target
        if exchange.method != "GET":
            body = json.loads(exchange.body)
            self.written.append((exchange.method, path, body))
            return exchange.answer(*self._write(exchange.method, parts, body))
        if parts["name"]:
            item = self._of(parts["plural"]).get(self._name(parts))
            return exchange.answer(item, 200) if item else exchange.answer(status_of(404, "not found"), 404)
        return self._list_or_watch(exchange, parts["plural"], dict(urllib.parse.parse_qsl(query)))

    @staticmethod
    def _name(parts):
        return (f"{parts['space']}/" if parts["space"] else "") + parts["name"]

    def _list_or_watch(self, exchange, plural, wanted):
        name = wanted.get("fieldSelector", "").removeprefix("metadata.name=") or None
        if wanted.get("watch") != "true":
            items = [item for item in self._of(plural).values() if name in (None, item["metadata"]["name"])]
            return exchange.answer({"kind": "List", "metadata": {"resourceVersion": str(self.version)}, "items": items})
        exchange.head()
        since = int(wanted["resourceVersion"])
        if since < self.horizon:
            exchange.event("ERROR", status_of(410, "too old resource version"))
            return exchange.end()
        watch = {"plural": plural, "name": name, "exchange": exchange}
        self.watches.append(watch)
        for version, of, key, kind, item in self.history:
            if version > since:
                self._tell(watch, of, key, kind, item)
        return None

    def _write(self, method, parts, body):
        plural = parts["plural"]
        if method == "POST":
            if parts["space"]:
                body["metadata"]["namespace"] = parts["space"]
            if self._key(body) in self._of(plural):
                return status_of(409, "it exists"), 409
            return self._keep(plural, self._key(body), body, "ADDED"), 201
        key = self._name(parts)
        before = self._of(plural).get(key)
        if not before:
            return status_of(404, "not found"), 404
        item = json.loads(json.dumps(before))
        if isinstance(body, list):  # a JSON patch of whole members (RFC 6902)
            for step in body:
                *above, last = step["path"].strip("/").split("/")
                place = item
                for word in above:
                    place = place[word]
                place[last] = step["value"]
        else:
            item = merged(item, body)
        if item["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]:
            return status_of(409, "the object has been modified"), 409
        return self._keep(plural, key, item, "MODIFIED"), 200
