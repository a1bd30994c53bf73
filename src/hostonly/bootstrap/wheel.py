"""A wheel of pip: the one python brought, else the pinned one from the index, else Debian's."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

from hostonly.bootstrap.progress import say, show
from hostonly.errors import HostonlyError, ToolFailed
from hostonly.host import downloads
from hostonly.host.proxies import without_login


def pip_pin(lock: str) -> tuple[str, set[str]]:
    """Return the version of pip that ``lock`` pins, and the sha256 digests of its files.

    Raises:
        HostonlyError: it pins none.
    """
    found = re.search(r"^pip==(\S+)((?:\s*\\\n\s+--hash=sha256:[0-9a-f]{64})+)", lock, re.MULTILINE)
    if not found:
        raise HostonlyError("requirements.lock pins no pip")
    return found[1], set(re.findall(r"sha256:([0-9a-f]{64})", found[2]))


def bundled_pip() -> Path | None:
    """Return the wheel of pip that came with this python, or None.

    Debian keeps it in python3-pip-whl, which python3-venv brings.
    """
    import importlib.util
    import sysconfig

    places = []
    ensurepip = importlib.util.find_spec("ensurepip")
    if ensurepip and ensurepip.origin:
        places.append(Path(ensurepip.origin).parent / "_bundled")
    distribution = sysconfig.get_config_var("WHEEL_PKG_DIR")
    if distribution:
        places.append(Path(distribution))
    for place in places:
        # Hash checking and editable installs by PEP 660 came with 21.3.
        wheels = [w for w in place.glob("pip-*.whl") if _version(w.name) >= (21, 3)]
        if wheels:
            return max(wheels, key=lambda wheel: _version(wheel.name))
    return None


def _version(wheel: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", wheel.split("-")[1])[:3])


def parted(url: str) -> tuple[str, str]:
    """Return ``url`` without its login, and that as an ``Authorization`` header; "" if none."""
    from base64 import b64encode
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    login, _, place = parts.netloc.rpartition("@")
    if not login:
        return url, ""
    name, _, password = login.partition(":")
    words = f"{unquote(name)}:{unquote(password)}".encode()
    return parts._replace(netloc=place).geturl(), f"Basic {b64encode(words).decode()}"


def _by(url: str) -> str:
    """Return a tool's own words for the proxy by which ``url`` is fetched; empty without one."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    return f"to proxy {without_login(proxy)}: " if proxy and not proxy_bypass(parts.netloc) else ""


def fetched_pip(lock: str, into: Path) -> Path:
    """Fetch the pinned pip from the package index; its digest is checked.

    Certificates and proxies are those of the environment. The login that an index's URL may hold is
    sent to the index's host only, and shown to nobody.

    Raises:
        ToolFailed: it could not be fetched, or is not the pinned one.
    """
    import html
    import http.client
    import ssl
    import urllib.error
    import urllib.parse
    import urllib.request

    version, digests = pip_pin(lock)
    name = f"pip-{version}-py3-none-any.whl"
    index = os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    page, login = parted(index.rstrip("/") + "/pip/")
    if not urllib.parse.urlsplit(page).netloc:
        # Whatever it is, a login may be in it.
        raise ToolFailed("pip cannot be fetched from the package index: PIP_INDEX_URL is no URL")

    def get(url: str) -> tuple[str, bytes]:
        """Return the URL that answered in the end, and the answer."""
        request = urllib.request.Request(url)
        if login and urllib.parse.urlsplit(url)[:2] == urllib.parse.urlsplit(page)[:2]:
            request.add_unredirected_header("Authorization", login)
        with urllib.request.urlopen(request, timeout=60, context=trust) as answer:
            return answer.geturl(), answer.read()

    certificates = os.environ.get("PIP_CERT") or None
    try:
        trust = ssl.create_default_context(cafile=certificates)
        base, text = get(page)
        pattern = r'href\s*=\s*["\']([^"\']*/' + re.escape(name) + r"[^\"']*)"
        links = re.findall(pattern, text.decode("utf-8", "replace"))
        if not links:
            raise ToolFailed(f"the package index has no {name}", ran=f"GET {page}")
        _, content = get(urllib.parse.urljoin(base, html.unescape(links[0])))
    except (OSError, ValueError, http.client.HTTPException) as error:
        # URLError is an OSError; an index URL that makes no sense is a ValueError.
        reason = getattr(error, "reason", error)
        trouble = downloads.trouble(["pip"], f"{_by(page)}{reason}: {page}", os.environ)
        raise ToolFailed(
            f"pip cannot be fetched from the package index: {trouble.what if trouble else reason}",
            ran=f"GET {page}",
            remedy=trouble.remedy if trouble else None,
        ) from error
    if hashlib.sha256(content).hexdigest() not in digests:
        raise ToolFailed(f"{name} from the package index is not the pinned one", ran=f"GET {page}")
    wheel = into / name
    wheel.write_bytes(content)
    return wheel


def find_pip(lock: str, into: Path, root: Path) -> Path:
    """Return a wheel of pip: python's own, else the pinned one from the index, else Debian's.

    Raises:
        HostonlyError: none can be had; its remedy is the apt-get line.
    """
    wheel = bundled_pip()
    if wheel:
        return wheel
    say("python3 has no venv package here: fetching pip")
    try:
        return fetched_pip(lock, into)
    except ToolFailed as error:
        from hostonly.host import packages

        say(str(error).replace("\n", "; "))
        packages.install(["python3-venv"], show, root=root)
        # Just installed, so this python has not looked there yet.
        import importlib

        importlib.invalidate_caches()
        wheel = bundled_pip()
        if wheel:
            return wheel
        raise HostonlyError(
            f"this python ({sys.executable}) has no pip and none can be fetched",
            remedy="Put Debian's own python3 first on PATH, or give this one its ensurepip.",
        ) from error
