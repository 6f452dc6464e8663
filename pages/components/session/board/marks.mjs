// The detector's marks on the candles, as a primitive of the chart: swings as triangles, breaks as segments, zones as
// boxes, a band and a name for the one in question, a curtain over what came later. Only what is in view is drawn.
import { lowerBound } from "./core.mjs"
import { alpha, COLORS } from "./looks.mjs"
import { ownPlaces, placeAt } from "./made.mjs"

/** @typedef {[id: string, kind: string, direction: number, anchor: number, start: number, end: number, price: number | null, low: number | null, high: number | null, confirmed: number, confidence: number | null, refs: number[]]} MarkRow */
/** @typedef {{ id: string, kind: string, dir: number, anchor: number, from: number, to: number, price: number | null, low: number | null, high: number | null, conf: number, confidence: number | null, zone: boolean, segment: boolean, label: string }} Mark */
/** @typedef {MissedJson} Missed */
/** @typedef {{ letters: string[], current: number, hovered: number, pointed: number | null, at: import("./made.mjs").At | null, curtain: number | null, dark: boolean, background: string, font: string, base: number, picking: string | null, missed: Missed[], ghost: { index: number, price: number, color: string } | null, measure: { a: { index: number, price: number }, b: { index: number, price: number }, text: string } | null, window: [number, number], candles: import("./candles.mjs").Candles | null }} Scene */
/** @typedef {{ context: CanvasRenderingContext2D, horizontalPixelRatio: number, verticalPixelRatio: number, bitmapSize: { width: number, height: number }, mediaSize: { width: number, height: number } }} Scope */
/** @typedef {{ i: number, x0: number, x1: number, y0: number, y1: number, r: number, missed?: string }} Shape `i` is the mark's; -1 for one that was missed */

const GAP = 9 // px between a candle's tip and its triangle
/** @type {Record<string, string>} */
const KINDS = { swing: "Swing", swing_high: "Swing high", swing_low: "Swing low", bos: "BOS", choch: "CHoCH", order_block: "Order block", fvg: "Fair value gap" }

/** @param {string} kind @param {number} dir */
export function nameOf(kind, dir) {
  if (kind === "swing") return dir > 0 ? "Swing high" : dir < 0 ? "Swing low" : "Swing"
  const words = kind.replaceAll("_", " ")
  return (KINDS[kind] ?? words.charAt(0).toUpperCase() + words.slice(1)) + (kind.startsWith("swing") ? "" : dir > 0 ? " up" : dir < 0 ? " down" : "")
}

/** @param {MarkRow} row @returns {Mark} */
export function markOf([id, kind, dir, anchor, start, end, price, low, high, conf, confidence, refs]) {
  const zone = low !== null && high !== null && high > low
  const segment = (kind === "bos" || kind === "choch") && !zone
  const from = segment ? Number(refs?.[0] ?? start) : zone ? start : anchor
  const to = zone || segment ? Math.max(end, anchor) : anchor
  return { id, kind, dir, anchor, from, to, price: price ?? high, low, high, conf, confidence, zone, segment, label: nameOf(kind, dir) }
}

export class Marks {
  /** @type {any} */ chart = null
  /** @type {any} */ series = null
  /** @type {() => void} */ requestUpdate = () => undefined
  /** @type {Shape[]} */ shapes = []
  /** @type {Mark[]} */ list = []
  anchors = new Float64Array()
  reach = 0

  /** @param {Scene} scene */
  constructor(scene) {
    this.scene = scene
    /** @param {string} zOrder @param {(scope: Scope) => void} paint */
    const pane = (zOrder, paint) => ({ zOrder: () => zOrder, renderer: () => ({ draw: (/** @type {any} */ target) => target.useBitmapCoordinateSpace((/** @type {Scope} */ scope) => this.chart && paint(scope)) }) })
    this.views = [pane("bottom", (s) => this.under(s)), pane("top", (s) => this.over(s))]
  }

  /** @param {any} its */
  attached({ chart, series, requestUpdate }) {
    Object.assign(this, { chart, series, requestUpdate })
  }

  detached() {
    this.chart = null
  }

  updateAllViews() {}

  paneViews() {
    return this.views
  }

  /** @param {Mark[]} list */
  set(list) {
    this.list = list
    this.anchors = Float64Array.from(list, (m) => m.anchor)
    this.reach = list.reduce((most, m) => Math.max(most, m.to - m.anchor, m.anchor - m.from), 0)
  }

  /** @param {number} x @param {number} y */
  hitTest(x, y) {
    let best = Infinity
    /** @type {Shape | null} */
    let hit = null
    for (const s of this.shapes) {
      const d = Math.hypot(Math.max(s.x0 - x, 0, x - s.x1), Math.max(s.y0 - y, 0, y - s.y1))
      if (d <= s.r && d < best) [best, hit] = [d, s]
    }
    return hit && { externalId: hit.missed ? `missed:${hit.missed}` : `mark:${hit.i}`, zOrder: "top", cursorStyle: this.scene.picking ? "crosshair" : "pointer" }
  }

  /** Media pixels of a candle of the dataset. @param {number} candle @returns {number | null} */
  x(candle) {
    const bars = this.scene.candles
    return bars ? this.chart.timeScale().logicalToCoordinate(bars.barOf(candle) - this.scene.base) : null
  }

  /** @param {number} value @returns {number | null} */
  y(value) {
    return this.series.priceToCoordinate(value)
  }

  /** @param {number} candle */
  bar(candle) {
    return this.scene.candles?.at(this.scene.candles.barOf(candle)) ?? null
  }

  /** The candles of the dataset that are in view. @returns {[number, number]} */
  inView() {
    const range = this.chart.timeScale().getVisibleLogicalRange()
    const bars = this.scene.candles
    if (!range || !bars) return [0, -1]
    const first = bars.at(Math.max(0, Math.floor(range.from) + this.scene.base))
    const last = bars.at(Math.min(bars.total - 1, Math.ceil(range.to) + this.scene.base))
    return [first?.first ?? 0, last ? last.first + (bars.step || 1e6) : Infinity]
  }

  /** @param {Scope} scope */
  under({ context: c, horizontalPixelRatio: h, bitmapSize }) {
    const half = Math.max(this.chart.timeScale().options().barSpacing, 3) * 0.5
    this.outside(c, h, bitmapSize)
    const pointed = this.scene.pointed === null ? null : this.x(this.scene.pointed)
    if (pointed !== null) { // the candle that was gone to
      c.fillStyle = alpha(COLORS.x ?? "", this.scene.dark ? 0.3 : 0.22)
      c.fillRect((pointed - half - 1) * h, 0, (2 * half + 2) * h, bitmapSize.height)
    }
    const place = this.current()
    const at = place ? this.x(place.index) : null
    if (at !== null) {
      c.fillStyle = alpha(COLORS.x ?? "", this.scene.dark ? 0.16 : 0.1)
      c.fillRect((at - Math.max(half, 5)) * h, 0, 2 * Math.max(half, 5) * h, bitmapSize.height)
    }
    const mark = this.list[this.scene.current]
    const [from, to, conf] = mark ? [this.x(mark.from), this.x(mark.to), this.x(mark.conf)] : [null, null, null]
    if (!mark || from === null || to === null) return
    const pad = Math.max(half, 5)
    const color = COLORS[this.scene.letters[this.scene.current] ?? "."] ?? COLORS["."] ?? ""
    c.fillStyle = alpha(color, this.scene.dark ? 0.16 : 0.1)
    c.fillRect((from - pad) * h, 0, (to - from + 2 * pad) * h, bitmapSize.height)
    if (conf === null || conf <= to) return
    // how long the detector waited before it could say so
    const end = conf + half
    c.fillStyle = alpha(color, this.scene.dark ? 0.06 : 0.04)
    c.fillRect((to + pad) * h, 0, Math.max(0, end - to - pad) * h, bitmapSize.height)
    c.strokeStyle = alpha(color, 0.6)
    c.setLineDash([3 * h, 3 * h])
    line(c, end * h, 0, end * h, bitmapSize.height)
    c.setLineDash([])
  }

  // Candles beyond the session's window are shaded: they are there to look at, and hold no mark of this session.
  /** @param {CanvasRenderingContext2D} c @param {number} h @param {{ width: number, height: number }} size */
  outside(c, h, { width, height }) {
    const [from = null, to = null] = this.scene.window.map((candle) => (Number.isFinite(candle) ? this.x(candle) : null))
    const half = this.chart.timeScale().options().barSpacing / 2
    c.fillStyle = alpha("#7F8C9D", this.scene.dark ? 0.12 : 0.09)
    if (from !== null && from - half > 0) c.fillRect(0, 0, (from - half) * h, height)
    if (to !== null && (to + half) * h < width) c.fillRect((to + half) * h, 0, width - (to + half) * h, height)
  }

  /** @param {Scope} scope */
  over(scope) {
    const { context: c } = scope
    const { current, hovered, curtain } = this.scene
    const [from, to] = this.inView()
    const size = Math.max(2.6, Math.min(6.2, 2 + this.chart.timeScale().options().barSpacing * 0.55))
    this.shapes = []
    c.save()
    c.lineJoin = "round"
    const late = []
    for (let i = lowerBound(this.anchors, from - this.reach - 1); i < this.list.length; i++) {
      const m = this.list[i]
      if (!m || m.anchor > to + this.reach + 1) break
      if (m.to < from || m.from > to) continue
      if (i === current || i === hovered) late.push(i)
      else this.mark(scope, i, size, 0)
    }
    if (curtain !== null) this.curtain(scope, curtain)
    for (const i of late) this.mark(scope, i, size, i === current ? 2 : 1)
    for (const m of this.scene.missed) this.missed(scope, m, size)
    const mark = this.list[current]
    if (mark) this.name(scope, mark)
    const place = this.current()
    if (place) this.nameMade(scope, place)
    if (this.scene.ghost) this.ghost(scope, this.scene.ghost)
    if (this.scene.measure) this.measure(scope, this.scene.measure)
    c.restore()
  }

  /** @param {Scope} scope @param {number} i @param {number} size @param {number} strength 0 plain, 1 under the pointer, 2 in question */
  mark(scope, i, size, strength) {
    const m = this.list[i]
    const letter = this.scene.letters[i] ?? "."
    if (!m || (this.scene.curtain !== null && m.conf > this.scene.curtain && strength < 2)) return
    const color = COLORS[letter] ?? COLORS["."] ?? ""
    if (m.zone) this.zone(scope, i, m, color, letter === ".", strength)
    else if (m.segment) this.segment(scope, i, m, color, letter === ".", strength)
    else this.triangle(scope, i, m, color, letter === ".", strength, size)
  }

  /** @param {Scope} scope @param {number} i @param {Mark} m @param {string} color @param {boolean} open @param {number} strength @param {number} size */
  triangle({ context: c, horizontalPixelRatio: h, verticalPixelRatio: v }, i, m, color, open, strength, size) {
    const bar = this.bar(m.anchor)
    const up = m.dir >= 0
    const [x, tip] = [this.x(m.anchor), bar && this.y(up ? bar.high : bar.low)]
    if (x === null || tip === null) return
    const s = size * (strength ? 1.35 : 1)
    const d = up ? -1 : 1
    const y = tip + d * (GAP + s * 0.2)
    const level = m.price === null ? null : this.y(m.price)
    const end = this.x(Math.max(m.conf, m.anchor + 1))
    if (strength === 2 && level !== null && end !== null) {
      c.strokeStyle = alpha(color, 0.9)
      c.setLineDash([2 * h, 3 * h])
      line(c, x * h, level * v, end * h, level * v)
      c.setLineDash([])
    }
    c.beginPath()
    c.moveTo(x * h, (y - d * s * 0.5) * v)
    c.lineTo((x - s) * h, (y + d * s) * v)
    c.lineTo((x + s) * h, (y + d * s) * v)
    c.closePath()
    c.fillStyle = open ? this.scene.background : color
    c.fill()
    c.strokeStyle = color
    c.lineWidth = (strength ? 2 : 1.5) * h
    c.stroke()
    this.shapes.push({ i, x0: x - s, x1: x + s, y0: y + d * s * 0.4, y1: y + d * s * 0.4, r: 9 })
  }

  /** @param {Scope} scope @param {number} i @param {Mark} m @param {string} color @param {boolean} open @param {number} strength */
  segment({ context: c, horizontalPixelRatio: h, verticalPixelRatio: v }, i, m, color, open, strength) {
    const [x0, x1, y] = [this.x(m.from), this.x(m.to), m.price === null ? null : this.y(m.price)]
    if (x0 === null || x1 === null || y === null) return
    c.strokeStyle = color
    c.lineWidth = (strength === 2 ? 2.6 : strength ? 2.2 : 1.5) * v
    line(c, x0 * h, y * v, x1 * h, y * v)
    c.beginPath()
    c.arc(x1 * h, y * v, (strength ? 4.5 : 3.2) * h, 0, 7)
    c.fillStyle = open ? this.scene.background : color
    c.fill()
    c.lineWidth = 1.5 * h
    c.stroke()
    if (x1 - x0 > 34 && strength < 2) text(c, `600 ${10 * v}px ${this.scene.font}`, color, m.kind === "bos" ? "BOS" : "CHoCH", ((x0 + x1) / 2) * h, (y + (m.dir >= 0 ? -8 : 9)) * v)
    this.shapes.push({ i, x0, x1, y0: y, y1: y, r: 6 })
  }

  /** @param {Scope} scope @param {number} i @param {Mark} m @param {string} color @param {boolean} open @param {number} strength */
  zone({ context: c, horizontalPixelRatio: h, verticalPixelRatio: v }, i, m, color, open, strength) {
    const [x0, x1, y0, y1] = [this.x(m.from), this.x(m.to), this.y(m.high ?? 0), this.y(m.low ?? 0)]
    if (x0 === null || x1 === null || y0 === null || y1 === null) return
    c.fillStyle = alpha(color, (open ? 0.1 : 0.2) + strength * 0.06)
    c.fillRect(x0 * h, y0 * v, (x1 - x0) * h, (y1 - y0) * v)
    c.strokeStyle = alpha(color, strength ? 1 : 0.75)
    c.lineWidth = (strength ? 2 : 1) * h
    if (open) c.setLineDash([4 * h, 3 * h])
    c.strokeRect(x0 * h, y0 * v, (x1 - x0) * h, (y1 - y0) * v)
    c.setLineDash([])
    this.shapes.push({ i, x0, x1, y0, y1, r: 8 })
  }

  /** @param {Scope} scope @param {Missed} m @param {number} size */
  missed({ context: c, horizontalPixelRatio: h, verticalPixelRatio: v }, m, size) {
    const bar = this.bar(m.index)
    const up = m.direction >= 0
    if (this.scene.curtain !== null && m.index > this.scene.curtain) return
    const [x, tip] = [this.x(m.index), bar && this.y(up ? bar.high : bar.low)]
    if (x === null || tip === null) return
    const y = tip + (up ? -1 : 1) * (GAP + 3)
    c.fillStyle = COLORS.x ?? ""
    c.beginPath()
    c.arc(x * h, y * v, (size + 1) * h, 0, 7)
    c.fill()
    c.fillStyle = "#fff"
    c.fillRect((x - size * 0.6) * h, (y - 0.75) * v, size * 1.2 * h, 1.5 * v)
    c.fillRect((x - 0.75) * h, (y - size * 0.6) * v, 1.5 * h, size * 1.2 * v)
    this.shapes.push({ i: -1, missed: m.id, x0: x, x1: x, y0: y, y1: y, r: size + 3 })
  }

  /** @param {Scope} scope @param {Mark} m */
  name(scope, m) {
    const bar = this.bar(m.anchor)
    const wide = m.zone || m.segment
    const up = m.dir >= 0 || wide
    const level = m.zone ? m.high : m.segment ? m.price : bar ? (up ? bar.high : bar.low) : null
    const [left, right, y] = [this.x(wide ? m.from : m.anchor), this.x(wide ? m.to : m.anchor), level === null ? null : this.y(level)]
    if (left === null || right === null || y === null) return
    const color = COLORS[this.scene.letters[this.scene.current] ?? "."] ?? ""
    const [from, to] = [Math.max(left, 0), Math.min(right, scope.mediaSize.width)] // over the part that is in view
    this.label(scope, m.label, from < to ? (from + to) / 2 : (left + right) / 2, y + (up ? -1 : 1) * (wide ? 16 : 31), color)
  }

  /** The person's own place in question, where there are no marks. */
  current() {
    return this.list.length ? null : placeAt(ownPlaces(this.scene.missed), this.scene.at)
  }

  /** @param {Scope} scope @param {Missed} place */
  nameMade(scope, place) {
    const bar = this.bar(place.index)
    const up = place.direction >= 0
    const [x, tip] = [this.x(place.index), bar && this.y(up ? bar.high : bar.low)]
    if (x !== null && tip !== null) this.label(scope, nameOf(place.kind, place.direction), x, tip + (up ? -1 : 1) * 35, COLORS.x ?? "")
  }

  /** @param {Scope} scope @param {string} words @param {number} at @param {number} y @param {string} color */
  label({ context: c, horizontalPixelRatio: h, verticalPixelRatio: v, mediaSize }, words, at, y, color) {
    c.font = `600 ${11.5 * v}px ${this.scene.font}`
    const width = c.measureText(words).width / h + 14
    const x = at < 0 || at > mediaSize.width ? at : Math.max(width / 2 + 2, Math.min(mediaSize.width - width / 2 - 2, at)) // whole while its mark is in view
    c.beginPath()
    c.roundRect((x - width / 2) * h, (y - 9.5) * v, width * h, 19 * v, 4 * h)
    c.fillStyle = color
    c.fill()
    text(c, c.font, "#fff", words, x * h, (y + 0.5) * v)
  }

  /** @param {Scope} scope @param {{ index: number, price: number, color: string }} ghost */
  ghost({ context: c, horizontalPixelRatio: h, verticalPixelRatio: v }, ghost) {
    const [x, y] = [this.x(ghost.index), this.y(ghost.price)]
    if (x === null || y === null) return
    c.strokeStyle = ghost.color
    c.fillStyle = alpha(ghost.color, 0.25)
    c.lineWidth = 1.5 * h
    c.beginPath()
    c.arc(x * h, y * v, 7 * h, 0, 7)
    c.fill()
    c.stroke()
  }

  /** @param {Scope} scope @param {NonNullable<Scene["measure"]>} its */
  measure(scope, { a, b, text: words }) {
    const { context: c, horizontalPixelRatio: h, verticalPixelRatio: v } = scope
    const [x0, y0, x1, y1] = [this.x(a.index), this.y(a.price), this.x(b.index), this.y(b.price)]
    if (x0 === null || y0 === null || x1 === null || y1 === null) return
    const color = b.price >= a.price ? "#3451C7" : "#DE5B53"
    c.fillStyle = alpha(color, 0.14)
    c.fillRect(x0 * h, y0 * v, (x1 - x0) * h, (y1 - y0) * v)
    c.strokeStyle = color
    c.lineWidth = h
    c.strokeRect(x0 * h, y0 * v, (x1 - x0) * h, (y1 - y0) * v)
    this.label(scope, words, (x0 + x1) / 2, Math.min(y0, y1) - 14, color)
  }

  /** @param {Scope} scope @param {number} candle */
  curtain({ context: c, horizontalPixelRatio: h, bitmapSize }, candle) {
    const at = this.x(candle)
    if (at === null) return
    const x = (at + this.chart.timeScale().options().barSpacing / 2) * h
    if (x > bitmapSize.width) return
    c.fillStyle = this.scene.background
    c.fillRect(x, 0, bitmapSize.width - x, bitmapSize.height)
    c.fillStyle = alpha("#7F8C9D", 0.1)
    c.fillRect(x, 0, bitmapSize.width - x, bitmapSize.height)
    c.fillStyle = alpha("#7F8C9D", 0.7)
    c.fillRect(x, 0, Math.max(1, h), bitmapSize.height)
  }
}

/** @param {CanvasRenderingContext2D} c @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
function line(c, x0, y0, x1, y1) {
  c.beginPath()
  c.moveTo(x0, y0)
  c.lineTo(x1, y1)
  c.stroke()
}

/** @param {CanvasRenderingContext2D} c @param {string} font @param {string} color @param {string} words @param {number} x @param {number} y */
function text(c, font, color, words, x, y) {
  c.font = font
  c.fillStyle = color
  c.textAlign = "center"
  c.textBaseline = "middle"
  c.fillText(words, x, y)
}
