"""The console script ``inv``, with a quick way for ``sandbox.exec``: no slower than ssh itself."""

from __future__ import annotations

import os
import shlex
import sys
from io import TextIOWrapper

from hostonly.errors import HostonlyError


def main() -> None:
    """Run the command line."""
    _in_utf8()
    if sys.argv[1:3] == ["sandbox.exec", "--"] and sys.argv[3:]:
        try:
            _become_ssh(sys.argv[3:])
        except KeyboardInterrupt:
            sys.exit(130)
    from hostonly.cli import main

    main()


def _in_utf8() -> None:
    """Begin again in Python's UTF-8 mode where the locale has another encoding.

    ``./inv`` sets it from the start; this is for an ``inv`` on the PATH and for ``python -m
    hostonly``. What the standard output lacks (PYTHONIOENCODING=ascii, a name that is no text) is
    escaped.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    # sys.stdout may be None; a test's own stream is left alone.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _become_ssh(command: list[str]) -> None:
    """Become the ssh that runs ``command`` in the sandbox, if its site is kept and it runs.

    Else return: the task itself says what is wrong. Loading Invoke takes longer than ssh.
    """
    from hostonly import site_cache
    from hostonly.providers import provider_of
    from hostonly.sandbox import login
    from hostonly.site import ROOT
    from hostonly.vantages.route_guard import require_host_only_route
    from hostonly.waiting import set_patience

    site = site_cache.recall(ROOT, site_cache.inputs(ROOT))
    if site is None:
        return
    set_patience(site.patience)
    shared = login.shared(site, site.sandbox)
    try:
        boot = provider_of(site, site.sandbox).boot()
        require_host_only_route(site.sandbox.address, site.bridge.name)
        if not boot or not shared.ready(boot):
            return
    except (OSError, HostonlyError):
        return
    words = shared.argv(boot)
    os.execvp(words[0], [*words, shlex.join(command)])
