// What a board knows and decides, without a page, a chart or a clock: values in, values out.

/** @typedef {"confirmed" | "false_positive" | "adjustment" | "unsure"} MarkVerdict */
/** @typedef {{ id: string, do: "judge" | "miss" | "remove" | "undo" | "lost", client: string, seq: number, seen: number, mark?: string | null,
 *   base?: string | null, verdict?: string, reason?: string, severity?: string, attachments?: string[], index?: number, kind?: string, direction?: number, of?: string, missed?: string, letter?: string }} Op */

/** @type {Record<string, string>} */
export const LETTER = { confirmed: "r", false_positive: "w", adjustment: "m", unsure: "u", false_negative: "x", comment: "c" }
export const REASON_KEYS = 8

/**
 * The server's verdicts (one letter a mark, "." while open) with what waits in this browser laid over them.
 * @param {string} letters @param {Map<string, number>} indexOf @param {Op[]} pending
 */
export function overlay(letters, indexOf, pending) {
  const out = [...letters]
  for (const op of pending) {
    const at = indexOf.get(op.mark ?? "")
    if (at !== undefined && op.letter !== undefined) out[at] = op.letter
  }
  return out
}

/**
 * The quick reasons by their keys. A reason keeps its key while the board is open, however often others are used; a new one takes
 * the next free key.
 * @param {string[]} held @param {string[]} served the last used first @param {number} keys
 */
export function reasonSlots(held, served, keys = REASON_KEYS) {
  return [...held, ...served.filter((reason) => !held.includes(reason))].slice(0, keys)
}

/** How many marks have each letter. @param {string[]} letters @param {number} missed */
export function counted(letters, missed = 0) {
  /** @type {Record<string, number>} */
  const n = { r: 0, w: 0, m: 0, u: 0, c: 0, x: missed, ".": 0 }
  for (const letter of letters) n[letter] = (n[letter] ?? 0) + 1
  return n
}

/** The next mark that nobody judged, after `at` and then from the start; -1 when all are. @param {string[]} letters @param {number} at */
export function nextOpen(letters, at) {
  for (let step = 1; step <= letters.length; step++) {
    const i = (at + step) % letters.length
    if (letters[i] === ".") return i
  }
  return -1
}

/**
 * Where the view goes so that the bar is well inside it; null when it is already.
 * @param {number} index @param {[number, number] | null} view @param {{ margin?: number, size?: number }} [options]
 * @returns {[number, number] | null}
 */
export function viewFor(index, view, { margin = 8, size = 125 } = {}) {
  const width = view ? view[1] - view[0] : size
  const inset = Math.min(margin, width / 4)
  if (view && index >= view[0] + inset && index <= view[1] - inset) return null
  const from = index - width * 0.45
  return [from, from + width]
}

const MARGIN = 8 // bars that may be empty beside the first and the last one

/** The view moved so that it is full of bars, or of all that there are. @param {[number, number]} view @param {number} total @returns {[number, number]} */
export function viewFull([from, to], total) {
  const width = to - from
  const first = Math.max(-MARGIN, Math.min(total + MARGIN - width, from))
  return width >= total + 2 * MARGIN ? [-MARGIN, total + MARGIN] : [first, first + width]
}

/**
 * The view after the chart became wider or narrower: candles keep their width, and the bar `at` keeps its share of the view where it
 * was in it; else the middle does.
 * @param {[number, number]} view @param {number | null} at @param {number} ratio new width by old
 * @returns {[number, number]}
 */
export function viewResized(view, at, ratio) {
  const width = view[1] - view[0]
  const held = at !== null && at >= view[0] && at <= view[1] ? at : (view[0] + view[1]) / 2
  const share = Math.max(0.1, Math.min(0.9, (held - view[0]) / width))
  return [held - share * width * ratio, held + (1 - share) * width * ratio]
}

/** The first place whose value is not below `value`. @param {ArrayLike<number>} sorted @param {number} value */
export function lowerBound(sorted, value) {
  let [a, b] = [0, sorted.length]
  while (a < b) {
    const middle = (a + b) >> 1
    if (/** @type {number} */ (sorted[middle]) < value) a = middle + 1
    else b = middle
  }
  return a
}

/** Which tiles hold the bars first..last and `spare` more on both sides. @param {number} first @param {number} last @param {number} size @param {number} total */
export function tilesFor(first, last, size, total, spare = 0) {
  const a = Math.max(0, Math.floor((first - spare) / size))
  const b = Math.min(Math.ceil(total / size) - 1, Math.floor((last + spare) / size))
  return Array.from({ length: Math.max(0, b - a + 1) }, (_, i) => a + i)
}

/** A price as the chart writes it. @param {number} value @param {number} decimals */
export function price(value, decimals) {
  return Number.isFinite(value) ? value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }) : "–"
}

/** @param {number} value */
export function volume(value) {
  if (!Number.isFinite(value) || value <= 0) return "–"
  for (const [size, unit] of /** @type {[number, string][]} */ ([[1e9, "B"], [1e6, "M"], [1e3, "K"]])) {
    if (value >= size) return `${(value / size).toFixed(2)}${unit}`
  }
  return String(Math.round(value * 100) / 100)
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
/** @param {number} n */
const two = (n) => String(n).padStart(2, "0")

/** @param {number} seconds @param {boolean} intraday */
export function when(seconds, intraday) {
  const d = new Date(seconds * 1000)
  const day = `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}`
  return intraday ? `${day} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}` : day
}

/**
 * What lies between two bars, as the measure shows it.
 * @param {{ index: number, price: number, time: number }} a @param {{ index: number, price: number, time: number }} b @param {number} decimals
 */
export function measured(a, b, decimals) {
  const change = b.price - a.price
  const share = a.price ? (change / a.price) * 100 : 0
  const sign = change < 0 ? "−" : "+"
  const bars = b.index - a.index
  const seconds = Math.abs(b.time - a.time)
  const span = seconds >= 86400 ? `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h` : `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  return `${sign}${price(Math.abs(change), decimals)} (${sign}${Math.abs(share).toFixed(2)}%) · ${bars} bars, ${span}`
}
