// What a person writes to name a candle: its number, or a date and a time in UTC.
import { when } from "./core.mjs"

/** @typedef {{ candle: number } | { seconds: number, span: number } | { why: string }} Place `span` is what was named, in seconds: a day, or a moment */

export const PLACE_FORMS = "2026-07-14 14:30, 14.07.2026 or #2310"
const DAY = 86400
const NO_PLACE = `Write a date or the number of a candle: ${PLACE_FORMS}.`
const DATE = /^(?:(\d{4})-(\d{1,2})-(\d{1,2})|(\d{1,2})\.(\d{1,2})\.(\d{4})|(\d{1,2})\/(\d{1,2})\/(\d{4}))(?:[ T]+(\d{1,2}):(\d{2}))?$/

/** @param {string} text @returns {Place} */
export function readPlace(text) {
  const plain = text.replace(/[#,\s]/g, "")
  if (/^\d{1,9}$/.test(plain)) return { candle: Number(plain) }
  const parts = DATE.exec(text.trim())?.map((part) => Number(part ?? NaN))
  if (!parts) return { why: NO_PLACE }
  const [, y = NaN, m = NaN, d = NaN, dotDay = NaN, dotMonth = NaN, dotYear = NaN, one = NaN, two = NaN, slashYear = NaN, hour = NaN, minute = NaN] = parts
  if (y) return moment(y, m, d, hour, minute)
  if (dotYear) return moment(dotYear, dotMonth, dotDay, hour, minute)
  if (one <= 12 && two <= 12 && one !== two) {
    const [first, second] = [moment(slashYear, two, one), moment(slashYear, one, two)]
    if (!("seconds" in first) || !("seconds" in second)) return { why: NO_PLACE }
    return { why: `It can't be told whether ${text.trim()} is ${when(first.seconds, false)} or ${when(second.seconds, false)}. Write ${one}.${two}.${slashYear} or ${two}.${one}.${slashYear}.` }
  }
  return one > 12 ? moment(slashYear, two, one, hour, minute) : moment(slashYear, one, two, hour, minute)
}

/** @param {number} year @param {number} month @param {number} day @param {number} [hour] @param {number} [minute] @returns {Place} */
function moment(year, month, day, hour = NaN, minute = NaN) {
  const timed = !Number.isNaN(hour)
  const at = new Date(Date.UTC(year, month - 1, day, timed ? hour : 0, timed ? minute : 0))
  const real = at.getUTCMonth() === month - 1 && at.getUTCDate() === day && (!timed || (hour < 24 && minute < 60))
  return real ? { seconds: at.getTime() / 1000, span: timed ? 1 : DAY } : { why: "There is no such date or time." }
}

/**
 * The candle to go to, and whether what was named lies before or after start..end: then it is the nearest end.
 * @param {number} first the first candle from the beginning of what was named @param {number} last the last candle before its end
 * @param {number} start @param {number} end @returns {{ candle: number, beside: "before" | "after" | "" }}
 */
export function nearest(first, last, start, end) {
  if (last < start) return { candle: start, beside: "before" }
  if (first > end) return { candle: end, beside: "after" }
  return { candle: Math.max(start, first), beside: "" }
}
