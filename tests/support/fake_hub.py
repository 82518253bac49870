"""A hub on this machine: the few addresses of the Hugging Face hub that a download asks for."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

COMMIT = "c0ffee" + "0" * 34


class FakeHub(ThreadingHTTPServer):
    """Serves ``repos``: repository -> file name -> content, each at one commit.

    ``cut_after`` bytes of a file's body the connection breaks, as often as ``cuts`` says.
    ``ranges`` are the starts that were asked for, by file name. What mirrors do otherwise:
    ``sizes`` None leaves them out of the listing, a number is given for each file; ``sums`` False
    leaves out sums and etags; ``says_length`` False ends a body by closing; ``knows_heads`` False
    knows no HEAD; ``redirects`` sends files from another address; ``refuses`` answers files with
    that status; ``instead`` is sent in the place of every file.
    """

    daemon_threads = True

    def __init__(self, repos: dict[str, dict[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos = repos
        self.cuts = 0
        self.cut_after = 0
        self.honours_ranges = True
        self.commit = COMMIT
        self.sizes: int | bool | None = True
        self.sums = True
        self.says_length = True
        self.knows_heads = True
        self.redirects = False
        self.refuses = 0
        self.instead: bytes | None = None
        self.page = b""
        """Sent in the place of a listing."""
        self.scheme = "http"
        self.asked: list[tuple[str, str | None]] = []
        """Every request: its target as it came, and the token."""
        self.ranges: list[tuple[str, int]] = []

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_HEAD(self) -> None:
        if self.server.knows_heads:
            self._answer(body=False)
        else:
            self._status(405)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        path = urlsplit(self.path).path.strip("/")
        moved = path.startswith("moved/")
        path = path.removeprefix("moved/")
        if path.startswith("api/models/"):
            self._listing(*path.removeprefix("api/models/").split("/revision/"))
            return
        repo, _, rest = path.partition("/resolve/")
        revision, _, name = rest.partition("/")
        content = self.server.repos.get(repo, {}).get(name)
        if content is None or revision != self.server.commit:
            self._refuse("EntryNotFound")
            return
        if self.server.refuses:
            self._status(self.server.refuses)
            return
        if self.server.redirects and not moved:
            port = self.server.server_port
            self._status(302, Location=f"{self.server.scheme}://localhost:{port}/moved/{path}")
            return
        content = content if self.server.instead is None else self.server.instead
        self._file(name, content, body)

    def _listing(self, repo: str, revision: str) -> None:
        files = self.server.repos.get(repo)
        if files is None:
            self._refuse("RepoNotFound")
        elif revision not in ("main", self.server.commit):
            self._refuse("RevisionNotFound")
        else:
            siblings = [self._sibling(name, content) for name, content in files.items()]
            text = (
                self.server.page
                or json.dumps(
                    {"id": repo, "sha": self.server.commit, "siblings": siblings}
                ).encode()
            )
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    def _file(self, name: str, content: bytes, body: bool) -> None:
        start = 0
        if body and "Range" in self.headers:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            start *= self.server.honours_ranges
        if start >= len(content) > 0:
            self._status(416, **{"Content-Range": f"bytes */{len(content)}"})
            return
        self.send_response(206 if start else 200)
        if start:
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        if self.server.says_length:
            self.send_header("Content-Length", str(len(content) - start))
        else:
            self.close_connection = True
        if self.server.sums:
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", self.server.commit)
        self.end_headers()
        if not body:
            return
        self.server.ranges.append((name, start))
        rest = content[start:]
        if self.server.cuts and len(rest) > self.server.cut_after:
            self.server.cuts -= 1
            self.wfile.write(rest[: self.server.cut_after])
            self.wfile.flush()
            self.connection.close()
            return
        self.wfile.write(rest)

    def _refuse(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _status(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _sibling(self, name: str, content: bytes) -> dict[str, object]:
        known: dict[str, object] = {"rfilename": name, "blobId": "b"}
        if self.server.sizes is True:
            known["size"] = len(content)
        elif self.server.sizes is not None:
            known["size"] = self.server.sizes
        if name.endswith(".safetensors") and self.server.sums:
            digest = hashlib.sha256(content).hexdigest()
            known["lfs"] = {"size": len(content), "sha256": digest, "pointerSize": 1}
        return known


@contextmanager
def fake_hub(
    repos: dict[str, dict[str, bytes]], certificate: Path | None = None
) -> Iterator[FakeHub]:
    """One that answers until the block ends; over TLS, with a ``certificate`` and its key."""
    with FakeHub(repos) as hub:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            hub.socket = context.wrap_socket(hub.socket, server_side=True)
            hub.scheme = "https"
        thread = threading.Thread(target=hub.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()


class Heard:
    """A Progress that adds up."""

    def __init__(self) -> None:
        self.left = self.came = 0
        self.names: list[str] = []

    def begin(self, files: int, left: int) -> None:
        self.left = left

    def file(self, name: str, size: int) -> None:
        self.names.append(name)

    def arrived(self, count: int) -> None:
        self.came += count
