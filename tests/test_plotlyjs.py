"""Plotly's code on its way to the browser: a served copy, or none where the folder is not ours."""

from __future__ import annotations

import re
from pathlib import Path

import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs

from ui import plotlyjs
from ui.plotlyjs import served_path

LISTED = re.compile(r"register\(\[((?:\w+\(\),?)+)\]\)")


def test_the_first_start_makes_the_copy_that_the_address_names(tmp_path: Path) -> None:
    folder = tmp_path / "static"
    address = served_path(folder)
    assert address is not None
    assert address.startswith("app/static/")
    [copy] = folder.iterdir()
    assert copy.name == address.rsplit("/", 1)[1]
    served, original = copy.read_text(encoding="utf-8"), get_plotlyjs()
    body = original[original.index('"use strict";var Plotly=') : original.rindex("return Plotly;")]
    body = LISTED.sub("register([...])", body, count=1)
    served, kinds = LISTED.subn("register([...])", served)
    assert kinds == 1
    assert served.startswith("/**\n* plotly.js v")
    assert "MIT license\n*/\n" in served
    assert served.endswith(body)
    assert body.rstrip().endswith("window.Plotly = Plotly;")


def bundle(names: str = "ab,cd$,e", listed: str = "ab(),cd$(),e()") -> str:
    """A library of three kinds of trace, each in a module and in one more that hands it on."""
    kinds = zip(names.split(","), ("bar", "heatmap", "pie"), strict=True)
    modules = (
        f'var i{name}=W((a,b)=>{{b.exports={{moduleType:"trace",name:"{kind}"}}}});'
        f'var {name}=W((a,b)=>{{"use strict";b.exports=i{name}()}});'
        for name, kind in kinds
    )
    return (
        f'/* */"use strict";var Plotly={{}};{"".join(modules)}P.register([{listed}]);return Plotly;'
    )


def test_only_the_kinds_that_are_drawn_are_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plotlyjs, "get_plotlyjs", bundle)
    monkeypatch.setattr(plotlyjs, "TRACES", ("heatmap", "bar"))
    served_path(tmp_path)
    [copy] = tmp_path.iterdir()
    assert "P.register([cd$(),ab()]);" in copy.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "code",
    [
        bundle(listed="ab(),e()"),
        bundle(listed="iab(),icd$(),ie()"),
        bundle(listed=""),
        bundle().replace('"heatmap"', '"map"'),
        bundle().replace("=W((", "=V(("),
        bundle().replace(".exports=icd$()", ".exports=[icd$()]"),
    ],
)
def test_all_kinds_are_started_where_those_drawn_are_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(plotlyjs, "get_plotlyjs", lambda: code)
    monkeypatch.setattr(plotlyjs, "TRACES", ("heatmap", "bar"))
    served_path(tmp_path)
    [copy] = tmp_path.iterdir()
    served = copy.read_text(encoding="utf-8")
    assert served[served.index("P.register") :] in code


def test_the_installed_library_starts_the_kinds_that_figures_are_made_of(tmp_path: Path) -> None:
    served_path(tmp_path)
    [copy] = tmp_path.iterdir()
    [listed] = LISTED.findall(copy.read_text(encoding="utf-8"))
    assert len(listed.split(",")) == len(plotlyjs.TRACES)


def test_figures_are_made_of_no_other_kinds() -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for path in Path(plotlyjs.__file__).parent.rglob("*.py")
    )
    kinds = {name for name in dir(go.Figure) if name.startswith("add_")}
    drawn = {f"add_{name}" for name in re.findall(r"\.add_(\w+)\(", source)} & kinds
    others = {"add_annotation", "add_shape", "add_hline", "add_vline", "add_hrect", "add_vrect"}
    assert drawn - others == {"add_scatter", *(f"add_{kind}" for kind in plotlyjs.TRACES)}


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
