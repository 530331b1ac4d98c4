"""A ribbon's text is data: every character visible, none of it markup, and numbers that fit."""

from __future__ import annotations

import numpy as np

from ui import ribbon
from ui.frames import encode


def test_each_character_has_one_mark_and_line_breaks_still_break() -> None:
    text = "a b\n\t\x00<b>é"
    marks = ribbon.content(text)["marks"]
    assert len(marks) == len(text)
    assert marks[:4] == ["a", " ", "b", "↵\n"]
    assert marks[4] == "⇥"
    assert marks[5] == "U+0000"
    assert marks[6:9] == ["<", "b", ">"]


def test_shades_and_flags_arrive_as_they_were() -> None:
    shade = np.array([-1.0, -0.25, 0.0, 1.0])
    content = ribbon.content("abcd", shade, np.array([0, 1, 6, 8]), list("wxyz"), picked=2)
    np.testing.assert_allclose(
        content["shade"].array * content["shade"].scale, shade, atol=1 / 32767
    )
    assert content["flags"].tolist() == [0, ribbon.UNKNOWN, ribbon.SPAN | ribbon.BOX, ribbon.MUTED]
    assert content["tips"] == ["w", "x", "y", "z"]
    assert content["picked"] == 2


def test_any_text_can_be_sent() -> None:
    for text in ("", "\ud800 lone", "e\u0301 🙂", "‮right to left", "</span><script>1</script>"):
        assert encode(ribbon.content(text, np.zeros(len(text)), tips=list(text)))


def test_an_empty_ribbon_says_why() -> None:
    content = ribbon.content("", empty="Nothing has been written yet.")
    assert content["marks"] == []
    assert content["empty"] == "Nothing has been written yet."
