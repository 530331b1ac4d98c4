"""Sentences that anything but plain text would make something else of."""

from __future__ import annotations

NASTY = (
    # Markdown
    "*a* **b** _c_ __d__ ~e~ ~~f~~ `g` ``h``",
    "# heading",
    "- item",
    "+ item",
    "* item",
    "1. item",
    "12) item",
    "> quote",
    "    code",
    "```\ncode\n```",
    "~~~",
    "- [ ] task",
    "--- * * * ___",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "Title\n===",
    "Title\n---",
    "[^1]: foot",
    "a[^1] [x]",
    "[x]: http://example.com",
    "one\ntwo\\\nthree  \nfour",
    "\\ \\\\ \\* a\\",
    "[link](http://example.com) ![img](http://example.com/a.png) <http://a.b>",
    "http://example.com https://example.com/a_b www.example.com WWW.EXAMPLE.COM wwww.x www. www",
    "a@b.com mailto:a@b.com xmpp:a@b.com @ @@ @a a@",
    # HTML
    "<script>alert(1)</script> <b>bold</b> <!-- c --> <img src=x onerror=alert(1)>",
    "&lt; &amp; &#42; &copy; & &# &#58",
    # LaTeX
    "$x^2$ $$y$$ \\(z\\) \\[w\\] costs $5 and $6",
    # Streamlit
    ':red[red] :blue-background[x] :small[y] :color[z]{foreground="red"} :orange-badge[o] :help[t]',
    ":small[] :small[]{x} :unknown[u]{a=b} :shimmer[s] {a} {#id .class}",
    ":smile: :+1: :-1: :material/home: :material_home: :streamlit: a:smile:b",
    "::leaf[x]",
    ":::container",
    ":::note\nhello\n:::",
    "a::b a:b : :: ::: x: 10:30:45 é:é: 日本:語:",
    "a -> b <- c <-> d -- e >= f <= g ~= h - i = j",
    "-> a --",
    "--",
    "->",
    "x:-- y:-> z :<= w",
    "a->b x<y>z --learning-rate -----BEGIN-----",
    # Sentences with such a thing inside
    "The run <b>:red[evil]</b> $x$ has a name that another one has.",
    "Learning rate must be a number between 1e-06 and 100, but was '<img src=x onerror=alert(1)>'.",
    "C:\\temp\\new\\* cannot be read: Permission denied.",
    # Other scripts and signs
    "שלום [עולם] *x* 12",
    "👩\u200d🔬 e\u0301 🏳️\u200d🌈 *",
    "\"straight\" 'quotes' ... (c) (tm) 1/2 ^a^ ==b== ++c++ H~2~O",
    "a\tb\u00a0c\u3000d",
    "a\x00b\x07c\ud800d\u202ee",
)
