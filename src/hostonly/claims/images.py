"""Claims about which image a container runs."""

from __future__ import annotations

from hostonly.claims.claim import Judgement, claim
from hostonly.facts.docker import DockerContainer


@claim(
    "image.built",
    "The container runs the image that was built here.",
    source="docker container inspect: Image",
)
def image_built(*, image_id: str, container: DockerContainer) -> Judgement:
    """Holds when the container's image has the id of what was built, whatever its tag says now."""
    if container.image == image_id:
        return Judgement(True, f"its image is {image_id}")
    return Judgement(False, f"its image is {container.image}, and {image_id} was built")
