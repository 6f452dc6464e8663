// The pointer over the chart: which candle and mark lie under it, and what is a click. The engine's own click event is
// not used: it swallows the second of two clicks within half a second, wherever that is.

/** @typedef {import("./candles.mjs").Candle} Candle */
/** @typedef {import("./marks.mjs").Mark} Mark */
/** @typedef {{ bar: Candle, price: number, mark: number, missed: string | null }} Place `mark` is the index of the mark under the pointer, -1 for none */

const SLACK = { mouse: 5, touch: 12 } // px that a pointer may move between down and up of a click
const TAP_MS = 500 // a longer touch looks at the crosshair

export class Pointer {
  /** @type {{ id: number, x: number, y: number, at: number } | null} */
  down = null

  /** @param {{ chart: import("./chart.mjs").Chart, marks: () => Mark[], home?: () => void, hover: (place: Place | null, moved: boolean) => void, click: (place: Place) => void }} options */
  constructor({ chart, marks, home, hover, click }) {
    this.chart = chart
    this.marks = marks
    this.acts = { hover, click }
    this.onDown = (/** @type {PointerEvent} */ event) => {
      // A second finger makes it a pinch.
      this.down = event.isPrimary && event.button === 0 ? { id: event.pointerId, x: event.clientX, y: event.clientY, at: event.timeStamp } : null
    }
    this.onUp = (/** @type {PointerEvent} */ event) => {
      if (this.isClick(event)) this.clicked(event)
      this.down = null
    }
    this.onCancel = () => { this.down = null }
    this.onDouble = (/** @type {MouseEvent} */ event) => {
      const frame = chart.box.getBoundingClientRect()
      if (event.clientY > frame.bottom - chart.api.timeScale().height()) home?.()
    }
    const { box } = chart
    box.addEventListener("pointerdown", this.onDown)
    box.addEventListener("pointerup", this.onUp)
    box.addEventListener("pointercancel", this.onCancel)
    box.addEventListener("dblclick", this.onDouble)
    chart.api.subscribeCrosshairMove(({ point, paneIndex, sourceEvent }) => this.acts.hover(point && !paneIndex ? this.place(point.x, point.y) : null, Boolean(sourceEvent)))
  }

  /** @param {PointerEvent} event */
  isClick(event) {
    const { down } = this
    if (!down || down.id !== event.pointerId) return false
    const touch = event.pointerType === "touch"
    if (touch && event.timeStamp - down.at > TAP_MS) return false
    return Math.hypot(event.clientX - down.x, event.clientY - down.y) <= SLACK[touch ? "touch" : "mouse"]
  }

  /** @param {PointerEvent} event */
  clicked(event) {
    const frame = this.chart.box.getBoundingClientRect()
    const [x, y] = [event.clientX - frame.x, event.clientY - frame.y]
    if (x > this.chart.api.timeScale().width()) return // on the price axis
    const height = this.chart.api.panes()[0]?.getHeight() ?? frame.height
    if (y > frame.height - this.chart.api.timeScale().height()) return // on the time axis
    const place = this.place(x, Math.min(y, height - 1)) // a click on a bar of the volume is one below its candle
    if (place) this.acts.click(place)
  }

  /** What lies at a point of the price pane; null where there is no candle. @param {number} x @param {number} y @returns {Place | null} */
  place(x, y) {
    const { chart } = this
    const logical = chart.api.timeScale().coordinateToLogical(x)
    const bar = logical === null ? null : chart.barAt(logical)
    const price = chart.series.coordinateToPrice(y)
    if (!bar || price === null) return null
    const [what = "", which = ""] = chart.marks.hitTest(x, y)?.externalId.split(":") ?? []
    return { bar, price, mark: what === "mark" ? Number(which) : -1, missed: what === "missed" ? which : null }
  }

  // --- where things are on the page, for whoever drives the board from outside ---
  /** The point of the page at which a mark (by its id) or a candle (by its index) is drawn; null while it is out of view. @param {string} kind @param {string} which @returns {[number, number] | null} */
  pointOf(kind, which) {
    const { marks } = this.chart
    const frame = this.chart.box.getBoundingClientRect()
    if (kind === "mark") {
      const shape = marks.shapes.find((one) => this.marks()[one.i]?.id === which)
      return shape ? [frame.x + (shape.x0 + shape.x1) / 2, frame.y + (shape.y0 + shape.y1) / 2] : null
    }
    const bar = marks.bar(Number(which))
    const [x, y] = [marks.x(Number(which)), bar && marks.y(bar.high)]
    return x === null || y === null ? null : [frame.x + x, frame.y + y + 1]
  }

  /** Ids and candles of the marks that can be clicked. @returns {[string, number][]} */
  inView() {
    const width = this.chart.box.clientWidth - 80
    const shapes = this.chart.marks.shapes.filter((shape) => shape.i >= 0 && shape.x0 > 10 && shape.x1 < width)
    return shapes.map(({ i }) => /** @type {[string, number]} */ ([this.marks()[i]?.id ?? "", this.marks()[i]?.anchor ?? 0])).sort((a, b) => a[1] - b[1])
  }

  destroy() {
    const { box } = this.chart
    box.removeEventListener("pointerdown", this.onDown)
    box.removeEventListener("pointerup", this.onUp)
    box.removeEventListener("pointercancel", this.onCancel)
    box.removeEventListener("dblclick", this.onDouble)
  }
}
