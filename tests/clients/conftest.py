"""One embedded AWS for all clients."""

import os
import sys
from collections.abc import Iterator

import pytest

from tests.conformance.target import CONTAINER, Target, embedded


@pytest.fixture(scope="session")
def aws() -> Iterator[Target]:
    with embedded("--image", f'conformance="{sys.executable}" "{CONTAINER}"') as target:
        yield target


def surroundings(url: str) -> dict[str, str]:
    """What a person sets to use the embedded AWS."""
    own = {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
    }
    return {**{k: v for k, v in os.environ.items() if not k.startswith("AWS_")}, **own}
