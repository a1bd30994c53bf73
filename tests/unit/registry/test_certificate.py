"""The registry's certificate: what it is good for, who may read it, when it is made anew."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hostonly.registry import certificate
from hostonly.registry.certificate import ensure, expires, fingerprint
from hostonly.registry.identity import Certificate


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return ensure(tmp_path_factory.mktemp("made") / "registry", "172.16.0.2")


def handshake(made: Certificate, trusted: Certificate, name: str) -> None:
    """A TLS handshake in memory: a server with ``made``, a client that trusts ``trusted``."""
    ours, theirs = socket.socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.server)

    def serve() -> None:
        try:
            server.wrap_socket(ours, server_side=True).close()
        except OSError:
            ours.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client = ssl.create_default_context(cafile=str(trusted.authority))
        client.wrap_socket(theirs, server_hostname=name).close()
    finally:
        theirs.close()
        thread.join(timeout=5)


@pytest.mark.parametrize("name", ["172.16.0.2", "localhost", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_authority_takes_it(made: Certificate, name: str) -> None:
    handshake(made, made, name)


@pytest.mark.parametrize("name", ["172.16.0.3", "registry.example"])
def test_it_is_for_no_other_name(made: Certificate, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(made, made, name)


def test_another_sandboxes_authority_does_not_vouch_for_it(
    made: Certificate, tmp_path: Path
) -> None:
    other = ensure(tmp_path / "other", "172.16.0.2")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(made, other, "172.16.0.2")


def test_only_the_owner_reads_the_key_and_the_authoritys_key_is_nowhere(made: Certificate) -> None:
    assert made.server.stat().st_mode & 0o777 == 0o600
    assert made.authority.stat().st_mode & 0o777 == 0o644
    assert sorted(file.name for file in made.folder.iterdir()) == ["ca.crt", "server.pem"]
    assert made.server.read_text().count("PRIVATE KEY-----") == 2
    assert "PRIVATE KEY" not in made.authority.read_text()


def test_it_ends_in_825_days(made: Certificate) -> None:
    left = expires(made.server) - datetime.now(UTC)
    assert timedelta(days=824) < left <= timedelta(days=825)
    assert expires(made.authority) - expires(made.server) < timedelta(minutes=1)


def test_a_second_call_changes_nothing(made: Certificate) -> None:
    before = (made.server.read_bytes(), made.authority.read_bytes())
    ensure(made.folder, "172.16.0.2")
    assert (made.server.read_bytes(), made.authority.read_bytes()) == before


def test_the_fingerprint_is_that_of_the_authority(made: Certificate) -> None:
    import hashlib

    der = ssl.PEM_cert_to_DER_cert(made.authority.read_text())
    assert fingerprint(made.authority).replace(":", "").lower() == hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize(
    "damage", ["address", "open", "cut", "missing", "foreign", "old", "future"]
)
def test_one_that_will_not_do_is_made_anew(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if damage == "old":
        monkeypatch.setattr(certificate, "VALID", timedelta(days=29))
    if damage == "future":
        # Made when the clock was a year ahead.
        monkeypatch.setattr(certificate, "EARLIER", timedelta(days=-365))
    made = ensure(tmp_path / "registry", "172.16.0.2")
    before = made.server.read_bytes()
    address = "172.16.0.2"
    if damage == "address":
        address = "172.16.0.9"
    elif damage == "open":
        made.server.chmod(0o644)
    elif damage == "cut":
        made.server.write_bytes(before[:300])
    elif damage == "missing":
        made.authority.unlink()
    elif damage == "foreign":
        other = ensure(tmp_path / "other", "172.16.0.2")
        made.authority.write_bytes(other.authority.read_bytes())
    monkeypatch.undo()
    ensure(made.folder, address)
    assert made.server.read_bytes() != before
    handshake(made, made, address)
    assert made.server.stat().st_mode & 0o777 == 0o600
