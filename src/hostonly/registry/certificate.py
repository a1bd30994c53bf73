"""The certificate of a sandbox's registry, and the certificate authority that vouches for it.

Each sandbox has an authority of its own, made on the host. Its private key signs this one
certificate and is then forgotten: it is never written anywhere, so that trusting the authority
means trusting this one registry and nothing that could be signed later.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hostonly.host import atomic
from hostonly.registry.identity import Certificate

# What strict clients accept at most for a server's certificate (CA/Browser Forum until 2020, Apple).
VALID = timedelta(days=825)
# A clock that is a little behind must not see a certificate from the future.
EARLIER = timedelta(hours=1)
# Under this one is made anew, when a sandbox is made anew.
LEAST = timedelta(days=30)

LOOPBACK = ("127.0.0.1", "::1")


def ensure(folder: Path, address: str) -> Certificate:
    """Return the certificate in ``folder`` for the registry at ``address``, made where none fits.

    A new one means another authority: only for a sandbox that is about to be made.
    """
    certificate = Certificate(folder)
    if not _serves(certificate, address):
        _make(certificate, address)
    return certificate


def expires(certificate: Path) -> datetime:
    """Return when the first certificate in a PEM file ends.

    Raises:
        OSError, ValueError: the file is not there or holds no certificate.
    """
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc


def fingerprint(authority: Path) -> str:
    """Return the SHA-256 fingerprint of a PEM file's first certificate, in ``openssl``'s form."""
    digest = x509.load_pem_x509_certificate(authority.read_bytes()).fingerprint(hashes.SHA256())
    return ":".join(f"{byte:02X}" for byte in digest)


def _serves(certificate: Certificate, address: str) -> bool:
    """Return whether the files belong together, name ``address``, and are valid for some time."""
    try:
        # OpenSSL's own opinion of certificate and key: it refuses those that do not match.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate.server)
        leaf = x509.load_pem_x509_certificate(certificate.server.read_bytes())
        leaf.verify_directly_issued_by(
            x509.load_pem_x509_certificate(certificate.authority.read_bytes())
        )
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound, InvalidSignature):
        return False
    private = certificate.server.stat().st_mode & 0o077 == 0
    named = ip_address(address) in names.get_values_for_type(x509.IPAddress)
    now = datetime.now(UTC)
    # The clock may have been wrong when it was made.
    begun, lasts = leaf.not_valid_before_utc <= now, leaf.not_valid_after_utc - now > LEAST
    return private and named and begun and lasts


def _make(certificate: Certificate, address: str) -> None:
    authority_key, server_key = new_key(SECP256R1()), new_key(SECP256R1())
    addresses = [ip_address(each) for each in (address, *LOOPBACK)]
    issuer = _name(f"hostonly registry {address}, authority")
    authority = (
        _begun(issuer, issuer, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            # Also told to every client: this authority may speak of this sandbox only.
            x509.NameConstraints(
                permitted_subtrees=[
                    x509.DNSName("localhost"),
                    *(x509.IPAddress(_alone(each)) for each in addresses),
                ],
                excluded_subtrees=None,
            ),
            critical=True,
        )
        .add_extension(_usage(sign=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), *(x509.IPAddress(each) for each in addresses)]
    leaf = (
        _begun(_name(f"hostonly registry {address}"), issuer, server_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_usage(sign=False), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    secret = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    certificate.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    atomic.write(certificate.authority, authority.public_bytes(Encoding.PEM))
    atomic.write(certificate.server, leaf.public_bytes(Encoding.PEM) + secret, 0o600)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alone(address: IPv4Address | IPv6Address) -> IPv4Network | IPv6Network:
    return ip_network(f"{address}/{address.max_prefixlen}")


def _usage(*, sign: bool) -> x509.KeyUsage:
    """Return the key usage of an authority, which may ``sign`` certificates, or of a server."""
    return x509.KeyUsage(
        digital_signature=not sign,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
