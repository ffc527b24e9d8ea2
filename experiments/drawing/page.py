"""The HTML of a report: one self-contained page, and the blocks it is made of. Everything given is escaped."""

import base64
import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from PIL import Image

from experiments.drawing.plotly_script import figure_html, library_html
from experiments.secrets import masked

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""The browser refuses whatever would leave this file."""
JPEG_QUALITY = 82
CSS = """
:root { color-scheme: light dark; --paper: #fff; --card: #f5f7f9; --ink: #1b1f24; --faint: #5d6570; --line: #dfe3e8;
  --mark: #e8590c; --good: #1f7a4d; --bad: #c2255c }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --card: #1e2329; --ink: #e6e9ed; --faint: #9aa3af;
  --line: #333a43; --mark: #ff8a3d; --good: #51cf8a; --bad: #ff7aa2 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 1080px; margin: 0 auto; padding: 20px 16px 60px }
h1 { font-size: 1.6rem; margin: 8px 0 0; overflow-wrap: anywhere } h2 { font-size: 1.2rem; margin: 44px 0 8px }
h3 { font-size: 1rem; margin: 24px 0 4px; font-weight: 600 }
p { margin: 6px 0 12px; max-width: 75ch; overflow-wrap: anywhere } .faint { color: var(--faint); font-size: .9rem }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: .9rem; margin: 8px 0 20px } a { color: var(--mark) }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 10px; margin: 16px 0 }
.card { background: var(--card); border-radius: 8px; padding: 10px 14px; min-width: 0 }
.card b { display: block; font-size: clamp(1.15rem, 4.6vw, 1.45rem); line-height: 1.3; white-space: nowrap;
  font-variant-numeric: tabular-nums; font-weight: 650 }
.card span { display: block; color: var(--faint); font-size: .82rem; overflow-wrap: anywhere }
.card.main b { color: var(--mark) }
.scroll { overflow-x: auto; margin: 8px 0 16px }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); white-space: nowrap;
  vertical-align: top }
th { color: var(--faint); font-weight: 600 } td.wrap { white-space: normal; min-width: 260px; overflow-wrap: anywhere }
tr.best td { font-weight: 650 }
.failed { color: var(--bad) } .stopped { color: var(--faint) } .finished { color: var(--good) }
.range { display: inline-block; position: relative; width: 90px; height: 10px; margin-right: 8px;
  background: var(--card); border-radius: 5px }
.range i { position: absolute; top: 3px; height: 4px; border-radius: 2px; background: var(--faint) }
.range b { position: absolute; top: 0; width: 3px; height: 10px; margin-left: -1px; background: var(--mark) }
pre { background: var(--card); border-radius: 8px; padding: 12px 14px; overflow-x: auto; font-size: .85rem;
  line-height: 1.6 }
code { font-size: .9em } summary { cursor: pointer; padding: 6px 0 }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr)); gap: 14px }
.figure, .grid > div { min-width: 0 } .panel { overflow-x: auto; margin: 10px 0 18px }
.panel img { display: block; width: 100%; min-width: 900px; border-radius: 6px }
"""


@dataclass(frozen=True)
class Raw:
    """HTML that is escaped already."""

    html: str


Content = Raw | str | int | float | None


def escaped(content: Content) -> str:
    """HTML of a value; numbers to four digits, None as a dash, credentials in URIs hidden."""
    match content:
        case Raw():
            return content.html
        case None:
            return "–"
        case bool() | str():
            return html.escape(masked(str(content)))
        case float():
            return f"{content:.4g}"
        case _:
            return html.escape(str(content))


def tag(name: str, content: Content, classes: str = "") -> Raw:
    """An element with a text or other content."""
    attribute = f' class="{classes}"' if classes else ""
    return Raw(f"<{name}{attribute}>{escaped(content)}</{name}>")


def joined(*blocks: Raw) -> Raw:
    """Blocks one after another."""
    return Raw("\n".join(block.html for block in blocks))


def table(
    header: Sequence[str], rows: Sequence[Sequence[Content]], best: int | None = None, wrap: int | None = None
) -> Raw:
    """A table that scrolls sideways where the screen is narrow.

    Args:
        best: row in bold.
        wrap: column of long texts.
    """
    head = "".join(f"<th>{escaped(name)}</th>" for name in header)
    body = []
    for number, row in enumerate(rows):
        cells = [tag("td", cell, "wrap" if column == wrap else "").html for column, cell in enumerate(row)]
        body.append(tag("tr", Raw("".join(cells)), "best" if number == best else "").html)
    newline = "\n"
    return Raw(
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{newline.join(body)}</tbody></table></div>'
    )


def cards(entries: Sequence[tuple[str, str, str]]) -> Raw:
    """Big numbers with a line below each: (number, meaning, detail); the first is the main one."""
    parts = [
        f'<div class="card{" main" if place == 0 else ""}"><b>{escaped(number)}</b>'
        f"<span>{escaped(meaning)}</span><span>{escaped(detail)}</span></div>"
        for place, (number, meaning, detail) in enumerate(entries)
    ]
    return Raw(f'<div class="cards">{"".join(parts)}</div>')


def details(summary: str, content: Raw) -> Raw:
    """Content that unfolds."""
    return Raw(f"<details><summary>{escaped(summary)}</summary>\n{content.html}</details>")


def json_block(value: Any) -> Raw:
    """A JSON value, indented."""
    return tag("pre", json.dumps(value, indent=2, ensure_ascii=False))


def interval_bar(low: float, value: float, high: float, span: tuple[float, float]) -> Raw:
    """A value with its interval, drawn on the common scale `span`, and in numbers."""

    def place(one: float) -> float:
        return min(max(100 * (one - span[0]) / max(span[1] - span[0], 1e-9), 0), 100)

    line = f'<i style="left:{place(low):.1f}%;width:{place(high) - place(low):.1f}%"></i>'
    return Raw(f'<span class="range">{line}<b style="left:{place(value):.1f}%"></b></span>{low:.3f} – {high:.3f}')


def figure(one: go.Figure, name: str) -> Raw:
    """A plotly figure as wide as the page.

    Args:
        name: id of the element.
    """
    return Raw(figure_html(one, name))


def picture(path: Path) -> Raw:
    """A picture file inside the page, as JPEG: a tenth of a PNG photo's size."""
    try:
        with Image.open(path) as image:
            stream = io.BytesIO()
            image.convert("RGB").save(stream, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    except (OSError, SyntaxError, ValueError):
        return tag("p", f"{path.name} cannot be read.", "faint")
    content = base64.b64encode(stream.getvalue()).decode()
    return Raw(f'<div class="panel"><img alt="{escaped(path.stem)}" src="data:image/jpeg;base64,{content}"></div>')


def page(title: str, intro: Raw, sections: dict[str, Raw]) -> str:
    """The whole page: headed sections and links to them."""
    links = "".join(f'<a href="#part-{number}">{escaped(name)}</a>' for number, name in enumerate(sections))
    parts = "\n".join(
        f'<section id="part-{number}"><h2>{escaped(name)}</h2>\n{content.html}</section>'
        for number, (name, content) in enumerate(sections.items())
    )
    text = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escaped(title)}</title>
<style>{CSS}</style></head>
<body><main><h1>{escaped(title)}</h1>
{intro.html}
<nav>{links}</nav>
{parts}
</main>
{library_html()}
</body></html>
"""
    return text.encode("utf-8", "backslashreplace").decode()  # lone surrogates: JSON may hold them, UTF-8 may not
