"""Cases of the claims about what the registry serves."""

from __future__ import annotations

from dataclasses import replace

from hostonly.claims.registry import (
    Pushed,
    blobs_served,
    catalog_same,
    manifests_served,
    pushed_served,
)
from hostonly.facts.http import HttpAnswer
from hostonly.facts.served import Named, Served
from tests.unit.claims.case import Case

ABOUT: dict[str, object] = {"place": "host", "repository": "hello-socket"}
A, B, C, D, X = (f"sha256:{letter * 64}" for letter in "abcdf")
GONE = Served(None, "(22) The requested URL returned error: 404")
PUSHED: dict[str, object] = {
    "repository": "hello-socket",
    # Their configurations are C and D.
    "pushed": (
        Pushed("latest", A, C, "./inv image.push"),
        Pushed("python", B, D, "./inv image.push --flavour python"),
    ),
}
CATALOG = HttpAnswer(200, (), '{"repositories": ["hello-socket"]}')
EMPTY = HttpAnswer(200, (), '{"repositories": []}')
NOBODY = HttpAnswer(None, because="(7) Failed to connect")
MANIFEST = HttpAnswer(200, (("docker-content-digest", A),), "{}")

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
        Case(
            pushed_served,
            holds,
            {
                "now": {"latest": latest, "python": Named(Served(B), B)},
                "served": {A: by_digest, B: Served(B)},
            },
            PUSHED,
            says,
        )
        for holds, latest, by_digest, says in (
            (True, Named(Served(A), A), Served(A), f"latest: {A}; python: {B}"),
            # Two tags of one manifest: neither was pushed as the other.
            (
                False,
                Named(Served(B), B, (D,), "hello-socket 1.0"),
                Served(A),
                f"hello-socket:latest was pushed ({A}), the tag now names another image, {B} (pushed from"
                " here as python: hello-socket 1.0), and what was pushed is only served by its digest: ./inv image.push",
            ),
            # The same image, pushed by an engine that writes another manifest, alone or in a list.
            (
                True,
                Named(Served(X), X, (C,)),
                Served(A),
                f"latest: {X}, another manifest of the image",
            ),
            (True, Named(Served(X), X, (C,)), GONE, f"pushed as {A}"),
            # A list with another one in it: who pulls may get that.
            (False, Named(Served(X), X, (C, X), "a list of 2 manifests"), GONE, "a list of 2"),
            (False, Named(Served(X), X, (), "a list of 2 manifests"), GONE, "a list of 2"),
            (
                False,
                Named(Served(X), X, (X,), "debian"),
                GONE,
                f"{X} (not what was last pushed from here: debian), and what was pushed is no longer served",
            ),
            # The tag is right, and the manifest is not what it was.
            (
                False,
                Named(Served(X), A, (C,)),
                Served(X),
                f"its manifest has other bytes now ({X})",
            ),
            (False, Named(Served(X), None, (C,)), Served(A), "the tag now names another image"),
            (
                False,
                Named(Served(None, "nothing, since it is gone")),
                Served(A),
                "the tag gives nothing, since it is gone, and what was pushed is only served by its digest",
            ),
            (
                False,
                Named(GONE),
                GONE,
                "error: 404, and what was pushed is no longer served: ./inv image.push",
            ),
        )
    ),
    Case(
        pushed_served,
        False,
        {
            "now": {"latest": Named(Served(A), A), "python": Named(GONE)},
            "served": {A: Served(A), B: GONE},
        },
        PUSHED,
        "is no longer served: ./inv image.push --flavour python",
    ),
    Case(pushed_served, None, {"now": {}, "served": {}}, {**PUSHED, "pushed": ()}, "nothing was"),
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
