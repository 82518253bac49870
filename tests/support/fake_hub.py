"""A hub on this machine: the few addresses of the Hugging Face hub that a download asks for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" + "0" * 34


class FakeHub(ThreadingHTTPServer):
    """Serves ``repos``: repository -> file name -> content, each at one commit.

    ``cut_after`` bytes of a file's body the connection breaks, as often as ``cuts`` says.
    ``ranges`` are the starts that were asked for, by file name.
    """

    daemon_threads = True

    def __init__(self, repos: dict[str, dict[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos = repos
        self.cuts = 0
        self.cut_after = 0
        self.honours_ranges = True
        self.ranges: list[tuple[str, int]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0].strip("/")
        if path.startswith("api/models/"):
            self._listing(*path.removeprefix("api/models/").split("/revision/"))
            return
        repo, _, rest = path.partition("/resolve/")
        revision, _, name = rest.partition("/")
        content = self.server.repos.get(repo, {}).get(name)
        if content is None or revision != COMMIT:
            self._refuse("EntryNotFound")
            return
        self._file(name, content, body)

    def _listing(self, repo: str, revision: str) -> None:
        files = self.server.repos.get(repo)
        if files is None:
            self._refuse("RepoNotFound")
        elif revision not in ("main", COMMIT):
            self._refuse("RevisionNotFound")
        else:
            siblings = [_sibling(name, content) for name, content in files.items()]
            text = json.dumps({"id": repo, "sha": COMMIT, "siblings": siblings}).encode()
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
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
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


def _sibling(name: str, content: bytes) -> dict[str, object]:
    known: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": "b"}
    if name.endswith(".safetensors"):
        digest = hashlib.sha256(content).hexdigest()
        known["lfs"] = {"size": len(content), "sha256": digest, "pointerSize": 1}
    return known


@contextmanager
def fake_hub(repos: dict[str, dict[str, bytes]]) -> Iterator[FakeHub]:
    with FakeHub(repos) as hub:
        thread = threading.Thread(target=hub.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()
