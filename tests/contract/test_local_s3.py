"""The life of the local S3; what it stores, the result stores' contract tries."""

from __future__ import annotations

from spectra.testing.s3 import LocalS3


def test_closing_what_was_never_started_removes_nothing(tmp_path, monkeypatch):
    (tmp_path / "kept").touch()
    monkeypatch.chdir(tmp_path)
    LocalS3().close()
    assert (tmp_path / "kept").exists()
