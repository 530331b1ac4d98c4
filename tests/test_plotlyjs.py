"""Plotly's code on its way to the browser: a served copy, or none where the folder is not ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

from ui import plotlyjs
from ui.plotlyjs import served_path


def test_the_first_start_makes_the_copy_that_the_address_names(tmp_path: Path) -> None:
    folder = tmp_path / "static"
    address = served_path(folder)
    assert address is not None
    assert address.startswith("app/static/")
    [copy] = folder.iterdir()
    assert copy.name == address.rsplit("/", 1)[1]
    served, original = copy.read_text(encoding="utf-8"), get_plotlyjs()
    body = original[original.index('"use strict";var Plotly=') : original.rindex("return Plotly;")]
    assert served.startswith("/**\n* plotly.js v")
    assert "MIT license\n*/\n" in served
    assert served.endswith(body)
    assert body.rstrip().endswith("window.Plotly = Plotly;")


@pytest.mark.parametrize("code", ["var Plotly={};", '"use strict";var Plotly={};/* */', ""])
def test_code_that_is_wrapped_in_another_way_is_served_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(plotlyjs, "get_plotlyjs", lambda: code)
    assert served_path(tmp_path) is not None
    [copy] = tmp_path.iterdir()
    assert copy.read_text(encoding="utf-8") == code


def test_a_copy_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    first = served_path(tmp_path)
    [copy] = tmp_path.iterdir()
    copy.write_text("kept", encoding="utf-8")
    assert served_path(tmp_path) == first
    assert copy.read_text(encoding="utf-8") == "kept"


def test_a_folder_that_cannot_be_made_means_no_address(tmp_path: Path) -> None:
    in_the_way = tmp_path / "static"
    in_the_way.write_text("a file, not a folder", encoding="utf-8")
    assert served_path(in_the_way) is None
    assert in_the_way.read_text(encoding="utf-8") == "a file, not a folder"
