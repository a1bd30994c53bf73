"""Cases of the claims about what the registry serves."""

from __future__ import annotations

from dataclasses import replace

from hostonly.claims.registry import blobs_served, catalog_same, manifest_served
from hostonly.facts.http import Answer
from hostonly.facts.served import Served
from tests.unit.claims.case import Case

ABOUT: dict[str, object] = {"place": "host", "repository": "hello-socket", "tag": "latest"}
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
GONE = Served(None, "(22) The requested URL returned error: 404")
CATALOG = Answer(200, (), '{"repositories": ["hello-socket"]}')
EMPTY = Answer(200, (), '{"repositories": []}')
NOBODY = Answer(None, because="(7) Failed to connect")
MANIFEST = Answer(200, (("docker-content-digest", A),), "{}")

CASES = [
    *(
        Case(catalog_same, holds, {"host": host, "sandbox": sandbox}, {}, says)
        for holds, host, sandbox, says in (
            (True, CATALOG, CATALOG, "hello-socket"),
            (True, EMPTY, EMPTY, "nothing was pushed"),
            (False, CATALOG, EMPTY, "the host sees hello-socket"),
            (False, NOBODY, CATALOG, "the host was given none: (7)"),
            (False, CATALOG, replace(CATALOG, status=401), "the sandbox was given none"),
            (None, CATALOG, replace(CATALOG, body="hello"), "cannot be read"),
            (None, replace(CATALOG, body='{"errors": []}'), CATALOG, "no catalog"),
        )
    ),
    *(
        Case(manifest_served, holds, {"answer": answer, "by_tag": by_tag}, ABOUT, says)
        for holds, answer, by_tag, says in (
            (True, MANIFEST, Served(A), A),
            (False, MANIFEST, Served(B), f"told {A}, the bytes have {B}"),
            (False, replace(MANIFEST, headers=()), Served(A), "told None"),
            (False, replace(MANIFEST, status=404), GONE, "status 404"),
            (False, MANIFEST, GONE, "error: 404"),
            (False, NOBODY, Served(None, "(7)"), "(7)"),
        )
    ),
    *(
        Case(blobs_served, holds, {"blobs": blobs}, ABOUT, says)
        for holds, blobs, says in (
            (True, {A: Served(A), B: Served(B)}, "all 2 hash to their names"),
            (False, {A: Served(A), B: Served(A)}, f"{B} gave {A}"),
            (False, {A: GONE}, f"{A} gave (22)"),
            (None, {}, "names none"),
        )
    ),
]
