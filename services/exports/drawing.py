"""Bars of a report as SVG, in the page itself: nothing is loaded, and paper shows them too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 150
_LEFT: Final = 44
_BOTTOM: Final = 20


def stacked(points: Sequence[tuple[str, Mapping[str, float]]], colours: Mapping[str, str], *, unit: str = "") -> str:
    """Bars that stand on each other: `points` are (label, value by series), `colours` the series in their order."""
    top = max((sum(values.values()) for _, values in points), default=0.0)
    if not points or top <= 0:
        return '<p class="none">Nothing in this period.</p>'
    room = (WIDTH - _LEFT) / len(points)
    height = HEIGHT - _BOTTOM - 8
    parts = [_axis(top, height, unit)]
    for n, (label, values) in enumerate(points):
        y = 8.0 + height
        for series, colour in colours.items():
            value = values.get(series, 0.0)
            tall = height * value / top
            y -= tall
            if tall > 0:
                title = f"<title>{escape(label)}: {value:,.6g} {escape(series)}</title>"
                parts.append(
                    f'<rect x="{_LEFT + n * room + room * 0.1:.1f}" y="{y:.1f}" width="{room * 0.8:.1f}" '
                    f'height="{tall:.1f}" fill="{colour}">{title}</rect>'
                )
    step = max(1, -(-len(points) // 8))
    parts += [
        f'<text x="{_LEFT + (n + 0.5) * room:.1f}" y="{HEIGHT - 4}" text-anchor="middle">{escape(points[n][0])}</text>'
        for n in range(0, len(points), step)
    ]
    legend = "".join(f'<span><i style="background:{c}"></i>{escape(s)}</span>' for s, c in colours.items())
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>' + (
        f'<div class="legend">{legend}</div>' if len(colours) > 1 else ""
    )


def _axis(top: float, height: float, unit: str) -> str:
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = 8 + height * (1 - share)
        lines.append(f'<line x1="{_LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{unit}{top * share:,.3g}</text>')
    return "".join(lines)


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; every cell is text, whatever is in it."""
    if not rows:
        return '<p class="none">Nothing in this period.</p>'
    head = "".join(f"<th>{escape(name)}</th>" for name in headings)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
