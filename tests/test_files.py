from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from transduce.errors import RunError
from transduce.files import atomic_write, write_bytes, write_failed, write_text


def fails(number: int) -> Callable[..., None]:
    def call(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


def test_writes_replace_files_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "é\n")
    assert (tmp_path / "a").read_bytes() == b"\xc3\xa9\n"
    write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a"]


def test_a_reader_sees_the_old_file_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_text(path, "old")
    with atomic_write(path) as file:
        file.write(b"half")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "half"


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), OSError(errno.EIO, "disk")])
def test_a_block_that_fails_changes_nothing(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a"
    write_text(path, "old")

    def write() -> None:
        with atomic_write(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(RunError if isinstance(error, OSError) else type(error)):
        write()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS])
def test_a_disk_that_refuses_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    path = tmp_path / "a"
    write_text(path, "old")
    monkeypatch.setattr(os, call, fails(number))
    with pytest.raises(RunError) as caught:
        write_text(path, "new")
    assert str(caught.value).startswith(f"{path}: ")
    assert ("no space left" in str(caught.value)) == (number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_places_where_nothing_can_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "missing" / "a", tmp_path / "file" / "a", tmp_path / "folder", tmp_path / ("n" * 300)):
        with pytest.raises(RunError, match="cannot write it") as caught:
            write_text(path, "x")
        assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_messages_hold_the_systems_words() -> None:
    assert "Permission denied" in str(write_failed("a", PermissionError(errno.EACCES, "Permission denied")))
    assert "odd" in str(write_failed("a", OSError("odd")))
