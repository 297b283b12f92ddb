"""A server that speaks the model hub's API and misbehaves as it is told."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "someone/tiny-model"
LARGE = "model.safetensors"


class Hub:
    """Serves one repository from memory. The fields say how it misbehaves; ``requests`` is what it was asked."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        self.break_after: list[int] = []  # bytes after which the connection breaks, one for each request of LARGE
        self.ranges = True
        self.status = 200  # of the listing
        self.error_code = ""
        self.failures = 0  # that many requests get 503 first
        self.redirect_to: str | None = None
        self.requests: list[tuple[str, str | None, str | None]] = []  # path, range, authorization
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append((request.path, request.headers["Range"], request.headers["Authorization"]))
        if self.failures:
            self.failures -= 1
            send(request, 503, b"")
        elif request.path.startswith("/api/models/"):
            known = request.path == f"/api/models/{REPO}/revision/main?blobs=true"
            status = self.status if known else 404
            headers = {"X-Error-Code": self.error_code if known else "RepoNotFound"}
            send(request, status, json.dumps(self.listing()).encode() if status == 200 else b"{}", headers)
        elif self.redirect_to and request.path.startswith(f"/{REPO}/"):
            send(request, 302, b"", {"Location": self.redirect_to + request.path.replace(REPO, "blobs")})
        else:
            self.send_file(request, request.path.rpartition("/")[2])

    def listing(self) -> dict[str, Any]:
        siblings: list[dict[str, Any]] = []
        for name, content in self.files.items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(content)}
            if name.endswith((".safetensors", ".bin")):
                entry["lfs"] = {"sha256": self.hashes[name], "size": len(content), "pointerSize": 134}
            entry["blobId"] = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            siblings.append(entry)
        return {"id": REPO, "sha": COMMIT, "siblings": siblings}

    def send_file(self, request: BaseHTTPRequestHandler, name: str) -> None:
        content = self.files[name]
        start, wanted = 0, request.headers["Range"]
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        body = content[start:]
        if name == LARGE and self.break_after:
            body = body[: self.break_after.pop(0)]
        request.wfile.write(body)


def send(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
