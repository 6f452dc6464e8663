"""A small chart of a corrected place, drawn from the candles that its prompt holds: what the detector said, and what is
expected. It shows nothing that the prompt's text does not."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from services.prompts.document import PromptCandle, PromptItem

WIDTH, HEIGHT = 640, 360  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 10, 66, 34, 24  # pixels around the candles
_INK, _FAINT, _WRONG, _RIGHT_COLOUR = "#1a2330", "#c9d1db", "#c62f2f", "#16784a"
_TICKS: Final = 4
_UP: Final = 1


@dataclass(frozen=True, slots=True)
class _Scale:
    """From candle indexes and prices to pixels."""

    first: int
    count: int
    low: float
    high: float

    def x(self, index: int) -> float:
        return _LEFT + (index - self.first + 0.5) * (WIDTH - _LEFT - _RIGHT) / self.count

    def y(self, price: float) -> float:
        span = (self.high - self.low) or 1.0
        return _TOP + (self.high - price) / span * (HEIGHT - _TOP - _BOTTOM)


def draw(item: PromptItem) -> bytes:
    """A PNG of WIDTH × HEIGHT pixels. The item has candles."""
    candles = item.candles
    low, high = min(c[4] for c in candles), max(c[3] for c in candles)
    pad = (high - low) * 0.12 or abs(high) * 0.001 or 1.0
    scale = _Scale(candles[0][0], len(candles), low - pad, high + pad)
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(12)
    _axes(pen, font, scale, candles)
    for candle in candles:
        _candle(pen, scale, candle)
    by_index = {candle[0]: candle for candle in candles}
    if item.original is not None or item.verdict in ("false_positive", "adjustment"):
        _mark(pen, font, scale, by_index, item.candle_index, item.direction, "detector", _WRONG)
    if item.verdict in ("false_negative", "adjustment"):
        _mark(pen, font, scale, by_index, item.expected_index, item.direction, "expected", _RIGHT_COLOUR)
    pen.text((_LEFT, 8), _title(item), fill=_INK, font=font)
    sink = io.BytesIO()
    image.save(sink, "PNG", optimize=True)
    return sink.getvalue()


def _title(item: PromptItem) -> str:
    place = "" if item.candle_index is None else f" #{item.candle_index}"
    move = f" to #{item.expected_index}" if item.verdict == "adjustment" else ""
    arrow = {1: " up", -1: " down"}.get(item.direction or 0, "")
    return f"{(item.kind or '').replace('_', ' ')}{arrow}{place}{move}: {item.expected}"[:96]


def _axes(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    scale: _Scale,
    candles: tuple[PromptCandle, ...],
) -> None:
    digits = _decimals(scale.high - scale.low)
    for step in range(_TICKS + 1):
        price = scale.low + (scale.high - scale.low) * step / _TICKS
        y = scale.y(price)
        pen.line((_LEFT, y, WIDTH - _RIGHT, y), fill="#eef1f4")
        pen.text((WIDTH - _RIGHT + 6, y - 7), f"{price:.{digits}f}", fill=_INK, font=font)
    for place in (0, len(candles) // 2, len(candles) - 1):
        index, time = candles[place][0], candles[place][1][:16].replace("T", " ")
        text = f"#{index} {time}"
        width = pen.textlength(text, font=font)
        x = min(max(_LEFT, scale.x(index) - width / 2), WIDTH - _RIGHT - width)
        pen.text((x, HEIGHT - _BOTTOM + 6), text, fill="#5d6a7a", font=font)


def _decimals(span: float) -> int:
    """As many decimals as tell the ticks apart."""
    return next((n for n in range(9) if span * 10**n >= 20), 8)


def _candle(pen: ImageDraw.ImageDraw, scale: _Scale, candle: PromptCandle) -> None:
    index, _, opened, high, low, closed = candle
    x, half = scale.x(index), max(1.0, (WIDTH - _LEFT - _RIGHT) / scale.count * 0.32)
    pen.line((x, scale.y(high), x, scale.y(low)), fill="#5d6a7a")
    top, bottom = scale.y(max(opened, closed)), scale.y(min(opened, closed))
    pen.rectangle(
        (x - half, top, x + half, max(bottom, top + 1)),
        fill="white" if closed >= opened else "#5d6a7a",
        outline="#5d6a7a",
    )


def _mark(
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    scale: _Scale,
    by_index: dict[int, PromptCandle],
    index: int | None,
    direction: int | None,
    word: str,
    colour: str,
) -> None:
    """A triangle at the candle's tip, or an arrow at the edge for a candle that is out of the picture."""
    if index is None:
        return
    candle = by_index.get(index)
    if candle is None:
        last = index >= scale.first + scale.count
        text = f"{word} #{index}"
        x = WIDTH - _RIGHT - pen.textlength(text, font=font) - 16 if last else _LEFT + 4
        pen.text((x, _TOP), f"{text} →" if last else f"← {text}", fill=colour, font=font)
        return
    up = (direction or 0) >= 0
    x, tip = scale.x(index), scale.y(candle[3] if up else candle[4]) + (-6 if up else 6)
    base = tip + (-9 if up else 9)
    pen.polygon([(x, tip), (x - 6, base), (x + 6, base)], fill=colour)
    width = pen.textlength(word, font=font)
    y = base - 15 if up else base + 2
    pen.text((min(max(_LEFT, x - width / 2), WIDTH - _RIGHT - width), y), word, fill=colour, font=font)
