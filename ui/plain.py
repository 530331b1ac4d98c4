"""Sentences that are shown word for word, whatever a person typed into them.

`st.warning` and its like render Markdown, LaTeX, emoji shortcodes, icons, links and Streamlit's
directives. A character reference such as `&#42;` is never taken for markup; but some of them look at
the text once it is read, references and all, and there a seam, which shows nothing, keeps apart what
must not be seen together.
"""

from __future__ import annotations

import re

from rnn.vocabulary import char_mark

_MARKUP = re.compile(
    r"[\\`*_\[\]{}<>#$~&]"  # emphasis, code, links, HTML, headings, quotes, LaTeX, references
    r"|:(?=\S|$)"  # a directive, an icon, an emoji, the protocol of an address
    r"|^[-+]|^\d(?=\d*[.)])"  # the first item of a list
)
_SEAM = ":small[]"
_SEAMS = re.compile(
    r"(?<=:)(?=\S)"  # :streamlit: and :material_home:
    r"|(?<=[-<>~])(?=[-=>])"  # arrows, dashes and signs such as <=, which become one character
    r"|(?<=www)(?=\.)|(?=@)",  # addresses of pages and of people
    re.IGNORECASE,
)
# Controls, lone surrogates, which cannot be sent, and marks that turn round what stands after them.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(sentence: str) -> str:
    """Markdown that Streamlit renders as exactly this sentence, in one line.

    White space of any kind is one space, as it is on any page; what cannot be seen is its number,
    such as U+0007. An ordinary sentence comes back as it is.
    """
    line = _UNSEEN.sub(lambda found: char_mark(found[0]), " ".join(sentence.split()))
    return _SEAM.join(_MARKUP.sub(_reference, piece) for piece in _SEAMS.split(line))


def _reference(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"
