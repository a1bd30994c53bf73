"""Cases of the claims about what the registry serves."""

from __future__ import annotations

from dataclasses import replace

from hostonly.claims.registry import (
    blobs_served,
    catalog_same,
    manifests_served,
    pushed_served,
)
from hostonly.facts.http import Answer
from hostonly.facts.served import Served
from tests.unit.claims.case import Case

ABOUT: dict[str, object] = {"place": "host", "repository": "hello-socket"}
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
GONE = Served(None, "(22) The requested URL returned error: 404")
PUSHED: dict[str, object] = {
    "repository": "hello-socket",
    "pushed": (("latest", A), ("python", B)),
}
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
        Case(
            manifests_served,
            holds,
            {
                "answers": {"latest": MANIFEST, "python": answer},
                "by_tag": {"latest": Served(A), "python": by_tag},
            },
            ABOUT,
            says,
        )
        for holds, answer, by_tag, says in (
            (True, MANIFEST, Served(A), f"latest: {A}, python: {A}"),
            (False, MANIFEST, Served(B), f"python: the registry told {A}, the bytes have {B}"),
            (False, replace(MANIFEST, headers=()), Served(A), "told None"),
            (False, replace(MANIFEST, status=404), GONE, "python: status 404"),
            (False, MANIFEST, GONE, "error: 404"),
            (False, NOBODY, Served(None, "(7)"), "(7)"),
        )
    ),
    Case(manifests_served, None, {"answers": {}, "by_tag": {}}, ABOUT, "no tag"),
    *(
        Case(pushed_served, holds, {"served": served}, PUSHED, says)
        for holds, served, says in (
            (True, {A: Served(A), B: Served(B)}, f"latest: {A}, python: {B}"),
            (
                False,
                {A: Served(A), B: GONE},
                f"hello-socket:python was pushed ({B}), and is no longer served: ./inv image.push",
            ),
            (False, {A: Served(B), B: Served(B)}, "hello-socket:latest was pushed"),
        )
    ),
    Case(pushed_served, None, {"served": {}}, {**PUSHED, "pushed": ()}, "nothing was"),
    *(
        Case(blobs_served, holds, {"blobs": blobs}, ABOUT, says)
        for holds, blobs, says in (
            (True, {A: Served(A), B: Served(B)}, "all 2 hash to their names"),
            (False, {A: Served(A), B: Served(A)}, f"{B} gave {A}"),
            (False, {A: GONE}, f"{A} gave (22)"),
            (None, {}, "name none"),
        )
    ),
]
