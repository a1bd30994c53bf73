"""A registry on loopback that serves what it is given, byte for byte: also what is wrong."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass
class Store:
    """One repository, ``app``. Blobs and manifests by digest, tags by name."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def add_blob(self, content: bytes, media_type: str) -> dict[str, Any]:
        self.blobs[digest(content)] = content
        return {"mediaType": media_type, "size": len(content), "digest": digest(content)}

    def add_manifest(self, document: dict[str, Any], media_type: str = MANIFEST) -> str:
        content = json.dumps(document).encode()
        self.manifests[digest(content)] = (media_type, content)
        return digest(content)

    def add_image(self, *layers: bytes, diff_ids: list[str] | None = None) -> str:
        """An image of these unpacked layers; the digest of its manifest."""
        named = [self.add_blob(gzip.compress(layer, mtime=0), LAYER) for layer in layers]
        config = {
            "os": "linux",
            "architecture": "amd64",
            "created": "2026-01-01T00:00:00Z",
            "config": {"Labels": {"title": "app"}},
            "rootfs": {"diff_ids": diff_ids or [digest(layer) for layer in layers]},
        }
        return self.add_manifest(
            {"config": self.add_blob(json.dumps(config).encode(), CONFIG), "layers": named}
        )

    def of(self, manifest: str) -> dict[str, Any]:
        """A manifest's document."""
        document: dict[str, Any] = json.loads(self.manifests[manifest][1])
        return document


@contextmanager
def served(store: Store) -> Iterator[int]:
    """Serve ``store`` on loopback; the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            _, _, rest = self.path.partition("/v2/app/")
            kind, _, what = rest.partition("/")
            if kind == "tags":
                self.answer(json.dumps({"tags": list(store.tags) or None}).encode())
            elif kind == "manifests" and store.tags.get(what, what) in store.manifests:
                media_type, content = store.manifests[store.tags.get(what, what)]
                self.answer(content, media_type)
            elif kind == "blobs" and what in store.blobs:
                self.answer(store.blobs[what])
            else:
                self.answer(b"{}", status=404)

        def answer(self, body: bytes, media_type: str = "", *, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
