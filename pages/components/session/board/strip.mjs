// The overview strip: the price of the whole session, its marks by verdict, and the part in view. Drag or click to go there.
import { COLORS } from "./looks.mjs"

/** @typedef {{ start: number, end: number, anchors: Float64Array, letters: string[], current: number, view: [number, number] | null, dark: boolean, line: { first: Float64Array, close: Float64Array } | null }} StripData */

/** @type {Record<string, number>} */
const RANK = { ".": 5, w: 4, m: 3, x: 2, u: 1, r: 0, c: 0 }

export class Strip {
  /** @type {Path2D | null} */
  path = null
  /** @type {number | undefined} */
  frame = undefined

  /** @param {HTMLCanvasElement} canvas @param {() => StripData} data @param {(candle: number) => void} jump */
  constructor(canvas, data, jump) {
    this.canvas = canvas
    this.data = data
    const at = (/** @type {PointerEvent} */ event) => {
      const { start, end } = data()
      return start + (event.offsetX / canvas.clientWidth) * (end - start)
    }
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId)
      jump(at(event))
    }
    canvas.onpointermove = (event) => {
      if (event.buttons) jump(at(event))
    }
    this.watch = new ResizeObserver(() => {
      this.path = null
      this.draw()
    })
    this.watch.observe(canvas)
  }

  soon() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined
      this.draw()
    })
  }

  draw() {
    const { canvas } = this
    const [w, h] = [canvas.clientWidth, canvas.clientHeight]
    const c = canvas.getContext("2d")
    if (!w || !c) return
    const ratio = devicePixelRatio
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.width = Math.round(w * ratio)
      canvas.height = Math.round(h * ratio)
    }
    const its = this.data()
    const x = (/** @type {number} */ candle) => ((candle - its.start) / Math.max(1, its.end - its.start)) * w
    c.setTransform(ratio, 0, 0, ratio, 0, 0)
    c.clearRect(0, 0, w, h)
    if (its.line) {
      this.path ??= linePath(its.line, x, h)
      c.strokeStyle = "rgba(127,140,157,.75)"
      c.lineWidth = 1
      c.stroke(this.path)
    }
    for (const [column, letter] of columns(its, x)) {
      c.fillStyle = COLORS[letter] ?? COLORS["."] ?? ""
      c.fillRect(column * 2 - 0.75, h - 10, 1.5, 8)
    }
    if (its.view) {
      const [a, b] = [Math.max(0, x(its.view[0])), Math.min(w, x(its.view[1]))]
      c.fillStyle = its.dark ? "rgba(79,109,223,.25)" : "rgba(52,81,199,.12)"
      c.fillRect(a, 0, Math.max(2, b - a), h)
      c.strokeStyle = its.dark ? "#93A9F5" : "#3451C7"
      c.strokeRect(a + 0.5, 0.5, Math.max(2, b - a) - 1, h - 1)
    }
    const anchor = its.anchors[its.current]
    if (anchor === undefined) return
    c.fillStyle = its.dark ? "#E3E8EF" : "#1A2330"
    c.beginPath()
    c.moveTo(x(anchor), h - 12)
    c.lineTo(x(anchor) - 4, h - 18)
    c.lineTo(x(anchor) + 4, h - 18)
    c.fill()
  }

  destroy() {
    this.watch.disconnect()
    if (this.frame !== undefined) cancelAnimationFrame(this.frame)
  }
}

/** One column of pixels holds many marks of a long session: an open one wins, then the worst. @param {StripData} its @param {(candle: number) => number} x @returns {Map<number, string>} */
export function columns(its, x) {
  /** @type {Map<number, string>} */
  const found = new Map()
  for (let i = 0; i < its.anchors.length; i++) {
    const column = Math.round(x(/** @type {number} */ (its.anchors[i])) / 2)
    const letter = its.letters[i] ?? "."
    const held = found.get(column)
    if (held === undefined || (RANK[letter] ?? 0) > (RANK[held] ?? 0)) found.set(column, letter)
  }
  return found
}

/** @param {{ first: Float64Array, close: Float64Array }} line @param {(candle: number) => number} x @param {number} h */
function linePath({ first, close }, x, h) {
  const path = new Path2D()
  const used = [...close.keys()].filter((i) => x(/** @type {number} */ (first[i])) >= -2)
  const values = used.map((i) => /** @type {number} */ (close[i]))
  const [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity])
  used.forEach((i) => path.lineTo(x(/** @type {number} */ (first[i])), h - 13 - ((/** @type {number} */ (close[i]) - low) / (high - low || 1)) * (h - 18)))
  return path
}
