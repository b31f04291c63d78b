"""slash32-bgpd's control socket, for tests of the agent."""

import http.server
import json
import socketserver
import threading


class BgpdStandIn:
    """`ready` or not, and what it was `asked`."""

    def __init__(self, path):
        self.ready, self.asked = True, []
        stand_in = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, document):
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):  # pylint: disable=invalid-name
                stand_in.asked.append(self.path)
                if self.path == "/v1/ready":
                    return self.answer(200 if stand_in.ready else 503, {"reasons": ["no session yet"]})
                return self.answer(200, {"neighbors": []})

            def do_POST(self):  # pylint: disable=invalid-name
                stand_in.asked.append(self.path)
                self.answer(200, {"state": "applied", "changes": []})

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

            def get_request(self):
                return self.socket.accept()[0], ("unix", 0)

        self.server = Server(str(path), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
