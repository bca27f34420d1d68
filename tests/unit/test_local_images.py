"""Which command stands for which container image."""

import pytest

from local.images import ImageError, Images


@pytest.mark.parametrize("interpreter", ["python", "/usr/bin/python3", "python3.11"])
def test_the_commands_interpreter_takes_the_place_of_the_entrypoints(interpreter: str) -> None:
    images = Images([("pytorch-training", "/venv/bin/python {entrypoint} {arguments}")])

    words = images.command(
        "1.dkr/pytorch-training:2", entrypoint=[interpreter, "x.zip"], arguments=["train"]
    )

    assert words == ["/venv/bin/python", "x.zip", "train"]


def test_an_entrypoint_that_is_no_python_stays_whole() -> None:
    images = Images([("any", "nice {entrypoint}")])

    assert images.command("any", entrypoint=["sh", "-c"]) == ["nice", "sh", "-c"]


def test_a_command_without_places_ignores_the_containers_own_words() -> None:
    images = Images([("serving", "python -m 'my server'")])

    words = images.command("repo/serving:3", entrypoint=["x"], arguments=["serve"])

    assert words == ["python", "-m", "my server"]


def test_the_first_pattern_found_counts() -> None:
    images = Images([("serving-gpu", "one"), ("serving", "two")])

    assert images.command("serving-gpu:1") == ["one"]
    assert images.command("serving-cpu:1") == ["two"]


def test_an_unknown_image_is_told_with_the_known_patterns() -> None:
    images = Images([("serving", "one"), ("training", "two")])

    with pytest.raises(ImageError, match=r"image 'other:1'; there are: serving, training"):
        images.command("other:1")


@pytest.mark.parametrize(("pattern", "line"), [("(", "run"), ("a", "run 'open")])
def test_a_command_that_cannot_be_read_is_told_at_once(pattern: str, line: str) -> None:
    with pytest.raises(ImageError, match="REGEX=COMMAND"):
        Images([(pattern, line)])
