// Candles of a dataset of any size, at one level of detail: fixed tiles, fetched once, a run of them joined for the chart.
import { lowerBound, tilesFor } from "./core.mjs"

export const TILE = 4096
const COLUMNS = 7

/** @typedef {{ n: number, time: Float64Array, open: Float64Array, high: Float64Array, low: Float64Array, close: Float64Array, volume: Float64Array, first: Float64Array, bars?: Bar[] }} Tile */
/** @typedef {{ time: number, open: number, high: number, low: number, close: number }} Bar */
/** @typedef {Bar & { index: number, volume: number, first: number }} Candle */

/** Columns as they travel, one after the other, read without a copy. @param {ArrayBuffer} buffer @returns {Tile} */
export function decode(buffer) {
  const n = buffer.byteLength / (COLUMNS * 8)
  if (!Number.isInteger(n)) throw new Error("These candles are not whole.")
  /** @param {number} i */
  const column = (i) => new Float64Array(buffer, i * 8 * n, n)
  return { n, time: column(0), open: column(1), high: column(2), low: column(3), close: column(4), volume: column(5), first: column(6) }
}

export class Candles {
  /** @type {Map<number, Promise<Tile>>} */
  asked = new Map()
  /** @type {Map<number, Tile>} */
  ready = new Map()

  /** @param {{ level: string, total: number, fetchTile: (number: number) => Promise<ArrayBuffer> }} options */
  constructor({ level, total, fetchTile }) {
    this.level = level
    this.total = total
    this.fetchTile = fetchTile
    this.step = Number(level) || 0 // candles a bar; 0 where a bar is a day or a week
  }

  get last() {
    return Math.max(0, Math.ceil(this.total / TILE) - 1)
  }

  /** The bar at an index of this level, where it is loaded. @param {number} index @returns {Candle | null} */
  at(index) {
    const tile = this.ready.get(Math.floor(index / TILE))
    const i = ((index % TILE) + TILE) % TILE
    if (!tile || i >= tile.n) return null
    /** @param {Float64Array} column */
    const value = (column) => /** @type {number} */ (column[i])
    return {
      index, time: value(tile.time), open: value(tile.open), high: value(tile.high), low: value(tile.low), close: value(tile.close),
      volume: value(tile.volume), first: value(tile.first),
    }
  }

  /** The bar that holds a candle of the dataset. A day's or week's is found among the loaded ones. @param {number} candle */
  barOf(candle) {
    if (this.step) return Math.floor(candle / this.step)
    const numbers = [...this.ready.keys()].sort((a, b) => a - b)
    for (const number of numbers.reverse()) {
      const tile = this.ready.get(number)
      if (tile && candle >= /** @type {number} */ (tile.first[0])) return number * TILE + lowerBound(tile.first, candle + 1) - 1
    }
    return 0
  }

  /** @param {number} number */
  load(number) {
    const known = this.asked.get(number)
    if (known) return known
    const loading = this.fetchTile(number).then((buffer) => {
      const tile = decode(buffer)
      this.ready.set(number, tile)
      return tile
    })
    loading.catch(() => this.asked.delete(number)) // a lost connection: asked again the next time
    this.asked.set(number, loading)
    return loading
  }

  /** @param {number} first @param {number} last @param {number} [spare] @returns {Promise<[number, number]>} */
  async need(first, last, spare = 0) {
    const wanted = tilesFor(first, last, TILE, this.total, spare)
    await Promise.all(wanted.map((number) => this.load(number)))
    return [wanted[0] ?? 0, wanted[wanted.length - 1] ?? 0]
  }

  /** All tiles of a short level. */
  all() {
    return this.need(0, this.total - 1)
  }

  /** Lets go of tiles outside low..high. @param {number} low @param {number} high */
  forget(low, high) {
    for (const number of this.ready.keys()) {
      if (number < low || number > high) {
        this.ready.delete(number)
        this.asked.delete(number)
      }
    }
  }

  /** Bars as the chart wants them; a tile's are made once. @param {number} low @param {number} high @returns {Bar[]} */
  bars(low, high) {
    const out = []
    for (let number = low; number <= high; number++) {
      const tile = this.ready.get(number)
      if (!tile) break
      tile.bars ??= Array.from({ length: tile.n }, (_, i) => /** @type {Bar} */ ({ time: tile.time[i], open: tile.open[i], high: tile.high[i], low: tile.low[i], close: tile.close[i] }))
      for (const bar of tile.bars) out.push(bar)
    }
    return out
  }

  /** The lowest low and highest high of the bars from..to that are loaded. @param {number} from @param {number} to @returns {[number, number] | null} */
  extremes(from, to) {
    let [low, high] = [Infinity, -Infinity]
    for (let number = Math.floor(Math.max(0, from) / TILE); number <= Math.floor(to / TILE); number++) {
      const tile = this.ready.get(number)
      if (!tile) continue
      const end = Math.min(tile.n - 1, to - number * TILE)
      for (let i = Math.max(0, from - number * TILE); i <= end; i++) {
        if (/** @type {number} */ (tile.low[i]) < low) low = /** @type {number} */ (tile.low[i])
        if (/** @type {number} */ (tile.high[i]) > high) high = /** @type {number} */ (tile.high[i])
      }
    }
    return high >= low ? [low, high] : null
  }
}

/**
 * The closes of a window, at a level that one tile or few hold.
 * @param {{ start: number, end: number, totals: Record<string, number>, fetchTile: (level: string, number: number) => Promise<ArrayBuffer> }} options
 * @returns {Promise<{ first: Float64Array, close: Float64Array }>}
 */
export async function closes({ start, end, totals, fetchTile }) {
  const size = end - start
  const wanted = size > 250000 ? "1024" : size > 16000 ? "64" : size > 4000 ? "4" : "1"
  const level = totals[wanted] ? wanted : "1"
  const candles = new Candles({ level, total: totals[level] ?? 0, fetchTile: (number) => fetchTile(level, number) })
  const [a, b] = await candles.need(candles.barOf(start), candles.barOf(end))
  const [first, close] = [/** @type {number[]} */ ([]), /** @type {number[]} */ ([])]
  for (let number = a; number <= b; number++) {
    const tile = candles.ready.get(number)
    tile?.first.forEach((at, i) => {
      if (at < start - 1024 || at > end) return
      first.push(at)
      close.push(/** @type {number} */ (tile.close[i]))
    })
  }
  return { first: Float64Array.from(first), close: Float64Array.from(close) }
}
