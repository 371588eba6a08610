"""Equations become MathML when the site is built: browsers draw it without scripts or fonts."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_DISPLAYED = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    content = _DISPLAYED.sub(lambda found: _displayed(html.unescape(found[1])), content)
    return _INLINE.sub(lambda found: convert(html.unescape(found[1])), content)


def _displayed(equation: str) -> str:
    """A long one scrolls by itself on a narrow screen."""
    return f'<div class="equation" tabindex="0">{convert(equation, "block")}</div>'
