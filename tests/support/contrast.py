"""How well the text of a page can be read: the contrast of each text with what lies behind it, by WCAG 2.2 (1.4.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from playwright.sync_api import Page

ENOUGH, ENOUGH_FOR_LARGE = 4.5, 3.0  # the ratios of level AA

# Text in shadow roots too; a control that is disabled, and what is drawn on a canvas, is not asked for.
_MEASURE: Final = """([enough, large]) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })
  const known = new Map()
  const rgba = (text) => {
    if (!known.has(text)) {
      canvas.clearRect(0, 0, 1, 1)
      canvas.fillStyle = text
      canvas.fillRect(0, 0, 1, 1)
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data
      known.set(text, [r, g, b, a / 255])
    }
    return known.get(text)
  }
  const over = (top, below) => {
    const a = top[3] + below[3] * (1 - top[3])
    if (!a) return [0, 0, 0, 0]
    return [0, 1, 2].map((k) => (top[k] * top[3] + below[k] * below[3] * (1 - top[3])) / a).concat(a)
  }
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  const parent = (node) => node.assignedSlot ?? node.parentElement ?? (node.getRootNode() instanceof ShadowRoot ? node.getRootNode().host : null)
  const way = (node) => { const up = []; for (let at = node; at; at = parent(at)) up.push(at); return up }
  const hidden = (style) => style.visibility !== "visible" || style.display === "none"
  const found = []
  const look = (root) => {
    for (const node of root.querySelectorAll("*")) {
      if (node.shadowRoot) look(node.shadowRoot)
      const text = [...node.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("").trim()
      if (!text || node.closest(".bartext") || ["STYLE", "SCRIPT", "OPTION", "TITLE", "NOSCRIPT"].includes(node.tagName)) continue
      const style = getComputedStyle(node)
      const box = node.getBoundingClientRect()
      if (hidden(style) || box.width < 2 || box.height < 2 || style.fontFamily.includes("Material Symbols")) continue
      const up = way(node)
      const styles = up.map((each) => getComputedStyle(each))
      if (up.some((each) => each.disabled || each.getAttribute?.("aria-disabled") === "true" || each.getAttribute?.("aria-hidden") === "true" || each.inert)) continue
      if (styles.some((each) => each.clipPath !== "none" && each.position === "absolute" && box.width < 4)) continue
      let back = [0, 0, 0, 0]
      for (const each of styles) { back = over(back, rgba(each.backgroundColor)); if (back[3] > 0.999) break }
      if (back[3] < 0.999) back = over(back, [255, 255, 255, 1])
      const faint = styles.reduce((product, each) => product * Number(each.opacity), 1)
      if (faint < 0.05) continue
      const ink = rgba(node.tagName === "text" ? style.fill : style.color)
      const front = over([ink[0], ink[1], ink[2], ink[3] * faint], back)
      const [high, low] = [light(front), light(back)].sort((a, b) => b - a)
      const ratio = (high + 0.05) / (low + 0.05)
      const size = parseFloat(style.fontSize)
      const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? large : enough
      if (ratio < least - 0.005) found.push({ text: text.slice(0, 60), ratio: Math.round(ratio * 100) / 100, size, color: style.color, where: up.slice(0, 4).map((n) => n.dataset?.testid ?? (n.className?.baseVal ?? n.className) ?? n.tagName).join(" < ").slice(0, 160) })
    }
  }
  look(document)
  return found
}"""


@dataclass(frozen=True, slots=True)
class Faint:
    """A text that is too faint, and by how much."""

    text: str
    ratio: float
    size: float
    color: str
    where: str


def faint_texts(page: Page) -> list[Faint]:
    """The texts of the page whose contrast is under AA, each as it stands now."""
    found: list[dict[str, Any]] = page.evaluate(_MEASURE, [ENOUGH, ENOUGH_FOR_LARGE])
    return [Faint(**each) for each in found]
