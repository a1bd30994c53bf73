"""The build of an image on an engine: its parts, Packer, and the same id for the same inputs."""

from __future__ import annotations

import contextlib
import hashlib
import time
from dataclasses import replace

from hostonly.errors import HostonlyError
from hostonly.events import Done, Emit, Unchanged, Warned
from hostonly.host import packages
from hostonly.image import archive, base, record, reproducible, sbom
from hostonly.image.engine import Engine
from hostonly.image.flavour import JAVA, TEMPLATE, Flavour, labels, template
from hostonly.image.inputs import inputs
from hostonly.image.packer import build_by_packer
from hostonly.image.parts import artefact, base_archive, tools
from hostonly.image.record import short
from hostonly.site import Site
from hostonly.waiting import limit


def build(site: Site, engine: Engine, emit: Emit, flavour: Flavour = JAVA) -> record.Built:
    """Build the image of this checkout on ``engine``, unless it is there and unchanged.

    Raises:
        ToolFailed: Maven, mmdebstrap, jlink, Packer or the engine failed; with its last lines.
        HostonlyError: the result is not what was asked for.
    """
    packages.install(tools(flavour), emit, root=site.root)
    told = labels(site.root, flavour)
    named = str(getattr(site.image, flavour.base))
    given = base.theirs(engine, named, flavour, emit) if named else None
    wanted = inputs(site.root, flavour, told, given.reference if given else "")
    name = f"{site.image.name}:{flavour.tag}"
    bill = record.bill(site.state, flavour)
    start = time.monotonic()
    for before in _built_before(site, engine.place, flavour, wanted):
        if not record.is_bill_of(bill, before.config):
            continue
        own = before.place == engine.place
        if own and engine.has(before.image_id):
            _tag(engine, before.image_id, site.image.name, flavour.tag)
            emit(Unchanged(record.said_built(name, before.image_id)))
            return before
        if (image_id := archive.load(site, engine, before)) is not None:
            _tag(engine, image_id, site.image.name, flavour.tag)
            again = (
                "loaded again" if own else f"loaded, as the {before.place}'s engine has built it"
            )
            said = f"the image {name} is unchanged: {again} ({short(image_id)})"
            emit(Done(said, time.monotonic() - start))
            now = replace(before, image_id=image_id, place=engine.place)
            record.save(site, now)
            return now
    artefact(site, emit, flavour)
    foot = given or base.ours(engine, base_archive(site, emit, flavour), emit)
    by_packer = build_by_packer(site, engine, flavour, {"base": foot.reference, **told}, emit)
    _prove_base(engine, by_packer, foot)
    steps = [
        (f"FROM {named or 'packer/base for ' + flavour.name}", len(foot.layers)),
        (f"packer build {TEMPLATE}", len(engine.layers(by_packer)) - len(foot.layers)),
    ]
    inspected = engine.client.images.get(by_packer).attrs
    written = template(site.root, flavour)
    config = reproducible.configuration(inspected, told["created"], steps, written.ports)
    image_id = reproducible.settle(engine, name, config)
    _remove(engine, by_packer, image_id)
    _prove_it_runs(engine, image_id, flavour)
    digest = "sha256:" + hashlib.sha256(config).hexdigest()
    built = record.Built(wanted, image_id, digest, engine.place, flavour.name)
    contents = sbom.read(engine, image_id, written.destination)
    for sentence in sbom.lacking(contents, java=flavour is JAVA):
        emit(Warned(sentence))
    bill.write_text(
        sbom.document(contents, site.image.name, digest, told["created"]), encoding="utf-8"
    )
    archive.keep(site, engine, built)
    record.save(site, built)
    emit(Done(f"built the image {name} ({short(image_id)})", time.monotonic() - start))
    return built


def pushed_before(site: Site, engine: Engine, flavour: Flavour) -> record.Built | None:
    """Return the image that was pushed and has the checkout's present inputs; None without one.

    It can be pulled without building or loading, whichever engine built it. None is also returned
    where the inputs are not known yet."""
    told = labels(site.root, flavour)
    named = str(getattr(site.image, flavour.base))
    if named and not engine.has(named):
        return None
    theirs = str(engine.client.images.get(named).id) if named else ""
    try:
        wanted = inputs(site.root, flavour, told, theirs)
    except HostonlyError:
        # No JDK yet: building installs one.
        return None
    known = _built_before(site, engine.place, flavour, wanted)
    return next((built for built in known if built.manifest), None)


def _built_before(site: Site, place: str, flavour: Flavour, wanted: str) -> list[record.Built]:
    """Return the builds from inputs with the digest ``wanted``, the one on ``place`` first."""
    records = [record.record(site.state, each, flavour.name) for each in record.PLACES]
    known = [built for built in map(record.load, records) if built and built.inputs == wanted]
    return sorted(known, key=lambda built: built.place != place)


def _tag(engine: Engine, image_id: str, repository: str, tag: str) -> None:
    name = f"{repository}:{tag}"
    if not engine.has(name) or engine.client.images.get(name).id != image_id:
        engine.client.images.get(image_id).tag(repository, tag)


def _remove(engine: Engine, by_packer: str, image_id: str) -> None:
    """Remove the image that Packer had made, which has no name any more."""
    from docker.errors import APIError

    if by_packer != image_id:
        with contextlib.suppress(APIError):
            engine.client.api.remove_image(by_packer, noprune=True)


def _prove_base(engine: Engine, image_id: str, foot: base.BaseImage) -> None:
    """Compare the image's lowest layers with the base's by their names, which are their digests.

    Raises:
        HostonlyError: they differ.
    """
    layers = engine.layers(image_id)
    if layers[: len(foot.layers)] != foot.layers or len(layers) <= len(foot.layers):
        raise HostonlyError(
            f"the image {short(image_id)} does not stand on the base that it was built on",
            ran=f"docker image inspect {short(image_id)}",
            output=f"its layers {layers}, the base's {foot.layers}",
            remedy="./inv image.build",
        )


def _prove_it_runs(engine: Engine, image_id: str, flavour: Flavour) -> None:
    """Start the server in the image with a wrong port: it must say so, and exit with 2.

    Raises:
        HostonlyError: it did not: the base's Java or Python may be missing or too old.
    """
    from docker.errors import APIError

    run = f"docker run --rm --network none -e HELLO_PORT=none {short(image_id)}"
    container = engine.create(image_id, environment={"HELLO_PORT": "none"}, network_mode="none")
    try:
        container.start()
        code = int(container.wait(timeout=limit(60))["StatusCode"])
        said = container.logs().decode(errors="replace")
    except APIError as error:
        code, said = -1, str(error.explanation)
    finally:
        container.remove(force=True, v=True)
    if code != 2 or "HELLO_PORT" not in said:
        raise HostonlyError(
            f"the image was built, but its server does not start (exit {code}, not 2)",
            ran=run,
            output=said,
            remedy=f"image.{flavour.base} in the settings: an image with {flavour.needs}",
        )
