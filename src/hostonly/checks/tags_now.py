"""The image that each tag names now, where its manifest is not the one pushed from here.

The manifest has been fetched before; what is asked besides is which image it is of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hostonly.checks.both_sides import Facts, Questions
from hostonly.facts import Fact, NotObserved, Observed, Question, Unreadable, select, together
from hostonly.facts.http import http
from hostonly.facts.served import MANIFEST, Named, Served, blobs_in, image_said, manifests_in
from hostonly.image.flavour import JAVA
from hostonly.image.record import PushRecord


def again(pushed: PushRecord) -> str:
    """Return the command that pushes what was ``pushed``."""
    flavour = "" if pushed.flavour == JAVA.name else f" --flavour {pushed.flavour}"
    return (
        f"./inv image.push{flavour}{'' if pushed.place == 'sandbox' else f' --from {pushed.place}'}"
    )


def moved(pushes: Iterable[PushRecord], tags: Fact[tuple[str, ...]], seen: Facts) -> dict[str, str]:
    """Return the manifests, by tag, of those tags that no longer name what was pushed."""
    found = {}
    for push in pushes:
        if push.tag in tags.value_or(()):
            answer, served = seen[f"told {push.tag}"], seen[f"served {push.tag}"]
            if isinstance(answer, NotObserved) or isinstance(served, NotObserved):
                continue
            if answer.value.status == 200 and served.value.digest != push.manifest:
                found[push.tag] = answer.value.body
    return found


def looks(registry: str, repository: str, moved: dict[str, str]) -> Questions:
    """Return what to ask to know which image or images each tag in ``moved`` names."""
    found: dict[str, Question[Any]] = {}
    for manifest in moved.values():
        inner, config = _parts(manifest)
        for digest in inner:
            url = f"{registry}{repository}/manifests/{digest}"
            found[f"named {digest}"] = http(url, accept=MANIFEST)
        for digest in config:
            found[f"named {digest}"] = http(f"{registry}{repository}/blobs/{digest}")
    return found


def _parts(manifest: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the manifests that a list names, and the configuration of one image; or neither."""
    try:
        inner = manifests_in(manifest)
        return inner, () if inner else blobs_in(manifest)[:1]
    except Unreadable:
        return (), ()


def named(
    tag: str, tags: Fact[tuple[str, ...]], seen: Facts, moved: dict[str, str], more: Facts
) -> Fact[Named]:
    """Return what ``tag`` names now."""
    if isinstance(tags, NotObserved):
        return tags
    if tag not in tags.value:
        return Observed(Named(Served(None, "nothing, since it is gone")), tags.evidence)
    inner, config = _parts(moved[tag]) if tag in moved else ((), ())
    parts = [more[f"named {digest}"] for digest in (*inner, *config)]
    facts: list[Fact[Any]] = [seen[f"told {tag}"], seen[f"served {tag}"], *parts]

    def read(values: tuple[Any, ...]) -> Named:
        answer, served, *answers = values
        told = answer.header("docker-content-digest")
        if any(each.status is None for each in answers):
            raise Unreadable(f"what {tag} names: {', '.join(map(str, answers))}")
        bodies = [each.body for each in answers if each.status == 200]
        if inner:
            configs = tuple(dict.fromkeys(digest for body in bodies for digest in _parts(body)[1]))
            return Named(served, told, configs, f"a list of {len(inner)} manifests")
        said = ", ".join((*(f"configuration {digest}" for digest in config), _said(bodies)))
        return Named(served, told, config, said if tag in moved else "")

    return select(together(facts), read)


def _said(configs: list[str]) -> str:
    try:
        return image_said(configs[0])
    except (IndexError, Unreadable):
        return "it has no image's configuration"
