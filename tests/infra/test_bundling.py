"""The same content is the same bytes, and the bytecode in it is never checked again."""

import os
import re
from pathlib import Path

from cdk.bundling import CHECKS, CORE, SERVICES, compile_all, prune, write_zip

_UNCHECKED_HASH = 0b01


def a_site(folder: Path, *, botocore: bool = False) -> Path:
    package = folder / "package"
    package.mkdir(parents=True)
    (package / "module.py").write_text("ANSWER = 42\n")
    if botocore:
        for service in ("s3", "ec2"):
            data = folder / "botocore" / "data" / service
            data.mkdir(parents=True)
            (data / "service-2.json").write_text("{}")
    return folder


def test_equal_content_is_equal_bytes_whatever_the_times(tmp_path: Path) -> None:
    first, second = a_site(tmp_path / "a"), a_site(tmp_path / "b")
    os.utime(second / "package" / "module.py", (1, 1))

    write_zip(tmp_path / "a.zip", [first])
    write_zip(tmp_path / "b.zip", [second])

    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_bytecode_is_made_and_never_checked_against_its_source(tmp_path: Path) -> None:
    site = a_site(tmp_path / "site")

    compile_all(site)

    (made,) = site.rglob("*.pyc")
    assert int.from_bytes(made.read_bytes()[4:8], "little") == _UNCHECKED_HASH


def test_bytecode_is_the_same_wherever_it_is_made(tmp_path: Path) -> None:
    sites = [a_site(tmp_path / name) for name in ("here", "there")]

    for site in sites:
        compile_all(site)

    here, there = (next(site.rglob("*.pyc")).read_bytes() for site in sites)
    assert here == there


def test_models_of_services_nobody_calls_are_dropped(tmp_path: Path) -> None:
    site = a_site(tmp_path / "site", botocore=True)

    prune(site)

    assert [p.name for p in (site / "botocore" / "data").iterdir()] == ["s3"]
    assert "ec2" not in SERVICES


def test_what_varies_between_installs_is_dropped_and_licences_stay(tmp_path: Path) -> None:
    info = tmp_path / "thing-1.0.dist-info"
    info.mkdir()
    for name in ("RECORD", "INSTALLER", "METADATA", "LICENSE"):
        (info / name).write_text("x")

    prune(tmp_path)

    assert sorted(p.name for p in info.iterdir()) == ["LICENSE", "METADATA"]


def test_no_lambda_carries_a_numeric_library() -> None:
    assert not {"torch", "numpy", "pandas"} & {*CORE, *CHECKS}


def test_the_model_of_every_service_that_a_function_calls_is_kept() -> None:
    adapters = Path(__file__).parents[2] / "functions"
    called = {
        service
        for path in adapters.rglob("*.py")
        for service in re.findall(r'client\("([a-z0-9-]+)"\)', path.read_text())
    }

    assert "sagemaker" in called
    assert called <= set(SERVICES)
