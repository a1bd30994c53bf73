"""The registry's client against a server on loopback that answers as the specification says."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hostonly.errors import HostonlyError, Unreachable, UsageError
from hostonly.registry import client as client_module
from hostonly.registry.client import RegistryClient
from hostonly.waiting import VARIABLE

MANIFEST = json.dumps(
    {"config": {"digest": "sha256:" + "c" * 64}, "layers": [{"digest": "sha256:" + "d" * 64}]}
).encode()
DIGEST = "sha256:" + hashlib.sha256(MANIFEST).hexdigest()


# Until then it answers nothing, where it is slow.
OVER = threading.Event()


class Registry(BaseHTTPRequestHandler):
    """Two pages of catalog, one image, and a few ways to be wrong."""

    def do_HEAD(self) -> None:
        self.send_response(404 if self.path.endswith("d" * 64) else 200)
        self.end_headers()

    def do_GET(self) -> None:
        if self.path == "/v2/_catalog":
            self.answer(
                b'{"repositories": ["a", "b"]}', link='</v2/_catalog?last=b&n=2>; rel="next"'
            )
        elif self.path.startswith("/v2/_catalog?"):
            self.answer(b'{"repositories": ["c"]}')
        elif self.path == "/v2/hello-socket/tags/list":
            self.answer(b'{"name": "hello-socket", "tags": null}')
        elif self.path in (
            "/v2/hello-socket/manifests/latest",
            f"/v2/hello-socket/manifests/{DIGEST}",
            # Damaged: not the bytes that this digest asks for.
            f"/v2/hello-socket/manifests/sha256:{'0' * 64}",
        ):
            self.answer(MANIFEST)
        elif self.path == "/v2/broken/tags/list":
            self.answer(b"<html>not a registry</html>")
        elif self.path == "/v2/slow/tags/list":
            OVER.wait(60)
        elif self.path.endswith("e" * 64):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"1")
            self.wfile.flush()
            OVER.wait(60)
        elif self.path == "/v2/down/tags/list":
            self.answer(b"out of order", status=503)
        else:
            self.answer(b'{"errors": []}', status=404)

    def answer(self, body: bytes, *, status: int = 200, link: str | None = None) -> None:
        self.send_response(status)
        if link:
            self.send_header("Link", link)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[RegistryClient]:
    monkeypatch.setattr(client_module, "require_host_only_route", lambda address, bridge: None)
    OVER.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield RegistryClient("127.0.0.1", server.server_address[1], bridge="hostonly0")
    OVER.set()
    server.shutdown()
    server.server_close()


def test_all_pages_of_the_catalog_are_read(registry: RegistryClient) -> None:
    assert registry.repositories() == ["a", "b", "c"]


def test_a_repository_without_tags_and_an_unknown_one_have_none(registry: RegistryClient) -> None:
    assert registry.tags("hello-socket") == []
    assert registry.tags("unknown") == []


def test_a_manifests_digest_is_computed_from_its_bytes(registry: RegistryClient) -> None:
    manifest = registry.manifest("hello-socket", "latest")
    assert manifest is not None
    assert manifest.digest == DIGEST
    assert manifest.config_digest == "sha256:" + "c" * 64
    assert registry.blob_size("hello-socket", "sha256:" + "d" * 64) is None


def test_an_unknown_manifest_is_none(registry: RegistryClient) -> None:
    assert registry.manifest("hello-socket", "other") is None


def test_bytes_that_are_not_what_was_asked_for_are_an_error(registry: RegistryClient) -> None:
    with pytest.raises(HostonlyError, match="damaged"):
        registry.manifest("hello-socket", "sha256:" + "0" * 64)


@pytest.mark.parametrize("name", ["", "../etc", "A", "a b", "a;b", "-a", "a/", "x" * 300 + "\n"])
def test_a_name_that_is_none_is_refused_before_it_is_sent(
    registry: RegistryClient, name: str
) -> None:
    with pytest.raises(UsageError):
        registry.tags(name)


def test_what_is_no_registry_is_said_to_be_none(registry: RegistryClient) -> None:
    with pytest.raises(HostonlyError, match="is it a registry"):
        registry.tags("broken")
    with pytest.raises(HostonlyError, match="status 503"):
        registry.tags("down")


def test_nobody_listening_is_an_error_with_a_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "require_host_only_route", lambda address, bridge: None)
    # Port 1 of loopback: nobody listens there.
    with pytest.raises(HostonlyError, match="does not answer") as error:
        RegistryClient("127.0.0.1", 1, bridge="hostonly0").repositories()
    assert error.value.remedy


def test_no_request_leaves_when_the_route_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: str, bridge: str) -> None:
        raise Unreachable("packets would leave by eth0")

    monkeypatch.setattr(client_module, "require_host_only_route", refuse)
    with pytest.raises(Unreachable, match="eth0"):
        RegistryClient("127.0.0.1", 1, bridge="hostonly0").repositories()


def test_a_limit_that_struck_is_named(
    registry: RegistryClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SECONDS", 0.2)
    with pytest.raises(HostonlyError, match="timed out") as caught:
        registry.tags("slow")
    assert str(caught.value.remedy).startswith("./inv registry.up   A slow machine")
    assert VARIABLE in str(caught.value.remedy)
    with (
        pytest.raises(HostonlyError, match="in the middle") as caught,
        registry.blob("hello-socket", "sha256:" + "e" * 64) as chunks,
    ):
        assert chunks is not None
        list(chunks)
    assert VARIABLE in str(caught.value.remedy)


def test_where_nobody_listens_no_limit_struck(registry: RegistryClient) -> None:
    nobody = RegistryClient("127.0.0.1", 1, bridge="hostonly0")
    with pytest.raises(HostonlyError, match="does not answer") as caught:
        nobody.tags("hello-socket")
    assert caught.value.remedy == "./inv registry.up"
