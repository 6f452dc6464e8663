// The places that a person made in a session without a detector's marks: in order of time, one of them the current one.

/** @typedef {import("./marks.mjs").Missed} Missed */
/** @typedef {{ index: number, direction: number }} At a place by where it is: its id changes once it is saved */

/** @param {At} a @param {At} b */
const order = (a, b) => a.index - b.index || a.direction - b.direction

/** The person's own places in order of time. @param {Missed[]} missed */
export const ownPlaces = (missed) => missed.filter((one) => one.own).sort(order)

/** @param {Missed[]} places @param {At | null} at */
export const placeAt = (places, at) => (at && places.find((one) => !order(one, at))) ?? null

/**
 * The place after or before one, which need not be there any more; without one the first or the last. At an end it stays.
 * @param {Missed[]} places in order @param {At | null} at @param {number} by 1 or -1 @returns {Missed | null}
 */
export function placeBeside(places, at, by) {
  const way = by > 0 ? places : [...places].reverse()
  if (!at) return way[0] ?? null
  return way.find((one) => Math.sign(order(one, at)) === Math.sign(by)) ?? way[way.length - 1] ?? null
}
