"""The code archive is the same bytes for the same sources, and complete."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from bundles.code import BundleError, bundle, digest
from tests.fakes.container import write_model


def test_the_same_sources_give_the_same_bytes_whenever_they_were_written(tmp_path: Path) -> None:
    first = write_model(tmp_path / "a" / "clouds")
    second = write_model(tmp_path / "b" / "clouds")
    for path in second.iterdir():
        os.utime(path, (0, 0))
        path.chmod(0o600)

    assert bundle(first) == bundle(second)


def test_a_changed_model_has_another_digest(tmp_path: Path) -> None:
    before = digest(bundle(write_model(tmp_path / "clouds")))

    after = digest(bundle(write_model(tmp_path / "clouds", source="class Task: ...")))

    assert before != after


def test_the_archive_holds_the_program_the_package_and_the_model_only(tmp_path: Path) -> None:
    model = write_model(tmp_path / "clouds")
    (model / "notes.txt").write_text("not for the job")

    names = zipfile.ZipFile(io.BytesIO(bundle(model))).namelist()

    assert names == sorted(names)
    assert {name for name in names if not name.startswith("training/")} == {
        "__main__.py",
        "models/clouds/model.py",
        "models/clouds/model.toml",
    }
    assert "training/__main__.py" in names


def test_a_folder_that_is_no_model_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nothing.model\.toml cannot be read"):
        bundle(tmp_path / "nothing")


def test_a_folder_that_is_not_the_training_package_is_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "clouds")

    with pytest.raises(BundleError, match=r"has no __main__\.py"):
        bundle(model, training_dir=tmp_path)


def test_a_model_that_is_no_python_is_refused_before_anything_is_deployed(tmp_path: Path) -> None:
    model = write_model(tmp_path / "clouds", source=" import this\n")

    with pytest.raises(BundleError, match=r"model\.py is no Python: unexpected indent"):
        bundle(model)
