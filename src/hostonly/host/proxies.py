"""The proxies that this machine's settings name, for the tools that download for us.

Only the standard library is imported: the bootstrap uses this module (through
``hostonly.host.downloads``) before there is a ``.venv``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from hostonly import process

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
# The variables that a tool heeds: apt the lower-case ones, for their schemes; Java none at all.
HEEDED: Mapping[str, tuple[str, ...]] = {
    "apt-get": ("http_proxy", "https_proxy"),
    "mmdebstrap": ("http_proxy", "https_proxy"),
    "pip": VARIABLES,
    "mvn": (),
}
# Options for every JVM, and for Maven's.
JAVA_OPTIONS = ("MAVEN_OPTS", "MAVEN_ARGS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
_JAVA = re.compile(r"-D(https?)\.proxyHost=(\S+)(?:.*?-D\1\.proxyPort=(\d+))?")
_MAVEN_SAYS = re.compile(r"ProxyInfo\{host='([^']+)'.*?port=(\d+)")
# Time for apt-config, which reads a few files.
APT_SECONDS = 10.0
_PORTS = {"https": 443, "": 80, "http": 80}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that is set: ``setting`` says where, ``value`` is its URL without a login."""

    setting: str
    value: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.setting}={self.value}" if self.variable else f"{self.value} ({self.setting})"

    @property
    def variable(self) -> bool:
        """Whether it is set by a variable of the environment."""
        return self.setting.isidentifier()

    def told_in(self, output: str) -> bool:
        """Return whether ``output`` tells of a connection that was tried to this very proxy."""
        host = re.escape(self.host.strip("[]"))
        at = rf"(?<![\w.-]){host}\]?"
        tried = (
            rf"{at}:{self.port}(?!\d)",
            rf"host='{host}', (?:userName='[^']*', )?port={self.port}(?!\d)",
            # apt-get tells only the address of a proxy, not its name.
            rf"\[IP: \S+ {self.port}\]",
            rf"resolv(?:e|ing) '{host}'",
            rf"{at}: Name or service not known",
        )
        return re.search("|".join(tried), output) is not None


def without_login(url: str) -> str:
    """Return ``url`` with asterisks for the name and password that may stand before its host."""
    login, at, place = url.rpartition("@")
    scheme, slashes, _ = login.partition("//")
    return f"{scheme if slashes else ''}{slashes}********@{place}" if at else url


def _proxy(setting: str, value: str) -> Proxy | None:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port = parts.port or _PORTS.get(parts.scheme, 80)
    except ValueError:
        return None
    return Proxy(setting, without_login(value), parts.hostname, port) if parts.hostname else None


def named(tool: str, environ: Mapping[str, str], output: str = "") -> list[Proxy]:
    """Return the proxies that ``tool`` may use, by ``environ``, its settings or its ``output``."""
    if tool == "apt-get":
        pairs = [*_variables(HEEDED[tool], environ), *_of_apt(environ)]
    elif tool == "mvn":
        pairs = [*_of_java(environ)]
        for host, port in dict.fromkeys(_MAVEN_SAYS.findall(output)):
            pairs.append(("a <proxy> in Maven's settings.xml", f"{host}:{port}"))
    elif tool == "pip":
        # pip uses one: the first of these.
        scheme = "http" if environ.get("PIP_INDEX_URL", "").startswith("http:") else "https"
        names = (
            "PIP_PROXY",
            f"{scheme}_proxy",
            f"{scheme.upper()}_PROXY",
            "all_proxy",
            "ALL_PROXY",
        )
        pairs = [*_variables(names, environ)][:1]
    else:
        pairs = [*_variables(HEEDED.get(tool, VARIABLES), environ)]
    return [proxy for pair in pairs if (proxy := _proxy(*pair))]


def _variables(names: tuple[str, ...], environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in names:
        if environ.get(name):
            yield name, environ[name]


def unheeded(tool: str, environ: Mapping[str, str]) -> list[Proxy]:
    """Return the proxies in ``environ`` or apt's settings that ``tool`` does not look at."""
    names = tuple(name for name in VARIABLES if name not in HEEDED.get(tool, VARIABLES))
    pairs = [*_variables(names, environ), *(_of_apt(environ) if tool == "mmdebstrap" else ())]
    return [proxy for pair in pairs if (proxy := _proxy(*pair))]


def _of_java(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in JAVA_OPTIONS:
        for scheme, host, port in _JAVA.findall(environ.get(name, "")):
            yield f"{scheme}.proxyHost in {name}", f"{host}:{port or _PORTS[scheme]}"


def _of_apt(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    asked = ["apt-config", "dump", "--no-empty", "--format", "%f=%v%n", "Acquire"]
    try:
        said = process.run(asked, env=environ, seconds=APT_SECONDS).stdout
    except OSError:
        return
    for line in said.splitlines():
        setting, _, value = line.partition("=")
        if re.fullmatch(r"(?i)acquire::https?::proxy(::.*)?", setting) and value != "DIRECT":
            yield f"{setting} in apt's configuration", value
