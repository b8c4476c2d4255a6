"""The first command of a fresh clone: what it needed to get through, those behind it need too."""

import os
from pathlib import Path

import pytest

from ops import bootstrap


def test_what_follows_trusts_the_certificates_that_the_install_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text('#!/bin/sh\n[ "$1" = --version ] || [ -n "$UV_SYSTEM_CERTS" ]\n')
    uv.chmod(0o755)
    monkeypatch.setattr(bootstrap, "TOOLS", str(tmp_path))
    for name in ("UV_SYSTEM_CERTS", "UV_NATIVE_TLS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    assert bootstrap.install(dev=False) == ""
    assert os.environ["UV_SYSTEM_CERTS"] == "1"
