import assert from "node:assert/strict"
import { test } from "node:test"
import { Candles, decode, TILE } from "../../pages/components/session/board/candles.mjs"
import { counted, measured, nextOpen, overlay, price, reasonSlots, tilesFor, viewFor, viewFull, viewResized, volume, when } from "../../pages/components/session/board/core.mjs"
import { commands, keyName, Keys } from "../../pages/components/session/board/keys.mjs"
import { ownPlaces, placeAt, placeBeside } from "../../pages/components/session/board/made.mjs"
import { markOf, nameOf } from "../../pages/components/session/board/marks.mjs"
import { nearest, readPlace } from "../../pages/components/session/board/place.mjs"
import { Outbox, PostError } from "../../pages/components/session/board/outbox.mjs"

const store = () => {
  const held = new Map()
  return { setItem: (k, v) => held.set(k, v), getItem: (k) => held.get(k) ?? null, removeItem: (k) => held.delete(k), key: (i) => [...held.keys()][i] ?? null, get length() { return held.size } }
}
const settle = async () => { for (let i = 0; i < 6; i++) await new Promise((done) => setImmediate(done)) }
const done = (ops) => ({ results: ops.map((op) => ({ id: op.id, result: "done", sentence: null, expected: null, letter: null })), position: 1, state: null })

function box(post, { storage = store(), client = "c1", answers = [] } = {}) {
  let n = 0
  const timers = []
  const made = new Outbox({ storage, prefix: "p:", client, post, uuid: () => `${client}-${++n}`, timer: (act) => timers.push(act), clear: () => undefined, limit: 3, onAnswer: (answer, ops) => answers.push([answer, ops]) })
  return { box: made, storage, timers, answers }
}
const op = (mark) => ({ do: "judge", mark, seen: 0 })

test("one request at a time, in order, and nothing is kept once it is answered", async () => {
  const batches = []
  const made = box(async (ops) => { batches.push(ops.map((one) => one.seq)); return done(ops) })
  for (let i = 0; i < 8; i++) made.box.add(op("a"))
  await settle()
  assert.deepEqual(batches, [[1], [2, 3, 4], [5, 6, 7], [8]])
  assert.equal(made.storage.length, 0)
})

test("a lost answer is asked for again with the same ids", async () => {
  const seen = []
  let broken = true
  const made = box(async (ops) => { seen.push(ops.map((one) => one.id)); if (broken) throw new PostError("No connection"); return done(ops) })
  made.box.add(op("a"))
  await settle()
  assert.equal(made.storage.length, 1)
  broken = false
  made.timers[0]()
  await settle()
  assert.deepEqual(seen, [["c1-1"], ["c1-1"]])
  assert.equal(made.box.pending.length, 0)
})

test("a closed tab's judgements are sent by the next one, an open tab's are not", async () => {
  const first = box(() => new Promise(() => undefined))
  for (const mark of ["a", "b"]) first.box.add(op(mark))
  const sent = []
  const next = box(async (ops) => { sent.push(...ops.map((one) => [one.client, one.seq, one.mark])); return done(ops) }, { storage: first.storage, client: "c2" })
  assert.equal(await next.box.adopt(async () => false), 0)
  assert.equal(await next.box.adopt(async (client) => client === "c1"), 2)
  await settle()
  assert.deepEqual(sent, [["c1", 1, "a"], ["c1", 2, "b"]])
  assert.equal(first.storage.length, 0)
})

test("a token that ran out holds the box until another comes", async () => {
  let good = false
  const made = box(async (ops) => { if (!good) throw new PostError("expired", true); return done(ops) })
  made.box.add(op("a"))
  await settle()
  assert.equal(made.box.held, true)
  assert.equal(made.timers.length, 0)
  good = true
  made.box.resume()
  await settle()
  assert.equal(made.box.pending.length, 0)
})

test("a number that this browser lost is declared lost, and what follows goes on", async () => {
  const sent = []
  const made = box(async (ops) => {
    sent.push(ops.map((one) => `${one.do} ${one.seq}`))
    if (ops[0].seq === 2) return { results: [{ id: ops[0].id, result: "gap", sentence: null, expected: 1, letter: null }], position: 0, state: null }
    return done(ops)
  })
  made.box.seq = 1
  made.box.add(op("b"))
  await settle()
  assert.deepEqual(sent, [["judge 2"], ["lost 1", "judge 2"]])
})

test("what was judged since lies over what the server says", () => {
  const at = new Map([["a", 0], ["b", 1]])
  assert.deepEqual(overlay("r.", at, [{ mark: "b", letter: "u" }, { mark: "a", letter: "." }, { mark: "gone", letter: "w" }]), [".", "u"])
  assert.deepEqual(counted([..."rrwm.u"], 1), { r: 2, w: 1, m: 1, u: 1, c: 0, x: 1, ".": 1 })
})

test("the next open mark wraps and ends", () => {
  assert.equal(nextOpen([..."r.r."], 1), 3)
  assert.equal(nextOpen([..."r.rr"], 1), 1)
  assert.equal(nextOpen([..."rr"], 0), -1)
})

test("the view moves only when the mark is near its edge", () => {
  assert.equal(viewFor(50, [0, 125]), null)
  const moved = viewFor(124, [0, 125])
  assert.ok(moved && moved[0] > 60 && moved[1] - moved[0] === 125)
})

test("a narrower view keeps the mark in question where it was, and the middle without one", () => {
  assert.deepEqual(viewResized([100, 200], 120, 0.25), [115, 140])
  assert.deepEqual(viewResized([100, 200], null, 0.5), [125, 175])
  assert.deepEqual(viewResized([100, 200], 400, 2), [50, 250])
  const [from, to] = viewResized([100, 200], 200, 0.2)
  assert.ok(from < 200 && to > 201, "a mark at the edge is not left on it")
})

test("a view is full of bars where there are enough", () => {
  assert.deepEqual(viewFull([-60, 40], 1000), [-8, 92])
  assert.deepEqual(viewFull([950, 1050], 1000), [908, 1008])
  assert.deepEqual(viewFull([300, 400], 1000), [300, 400])
  assert.deepEqual(viewFull([0, 100], 30), [-8, 38])
})

test("one walks over one's own places in order of time, also from where one was taken away", () => {
  const [a, b, c, other] = [[30, 1], [10, -1], [30, -1], [20, 1]].map(([index, direction], i) => ({ id: `${i}`, kind: "swing", index, direction, own: i < 3 }))
  const places = ownPlaces([a, b, c, other])
  assert.deepEqual(places, [b, c, a])
  assert.deepEqual([placeBeside(places, null, 1), placeBeside(places, null, -1)], [b, a])
  assert.deepEqual([placeBeside(places, b, 1), placeBeside(places, c, 1), placeBeside(places, a, 1), placeBeside(places, b, -1)], [c, a, a, b])
  assert.deepEqual([placeBeside(places, { index: 20, direction: 1 }, 1), placeBeside(places, { index: 20, direction: 1 }, -1)], [c, b])
  assert.equal(placeBeside([], null, 1), null)
  assert.deepEqual([placeAt(places, { index: 30, direction: 1 }), placeAt(places, { index: 20, direction: 1 }), placeAt(places, null)], [a, null, null])
})

test("candles are read by columns, found by bar and by candle", async () => {
  const tiles = [TILE, 10].map((n, number) => {
    const buffer = new ArrayBuffer(n * 56)
    const values = new Float64Array(buffer)
    for (let i = 0; i < n; i++) {
      const at = number * TILE + i
      ;[at * 60, at, at + 2, at - 2, at + 1, 5, at * 4].forEach((value, column) => { values[column * n + i] = value })
    }
    return buffer
  })
  const candles = new Candles({ level: "4", total: TILE + 10, fetchTile: async (number) => tiles[number] })
  assert.deepEqual(await candles.need(TILE - 5, TILE + 5), [0, 1])
  assert.equal(candles.at(TILE + 3).first, (TILE + 3) * 4)
  assert.equal(candles.at(TILE + 10), null)
  assert.equal(candles.barOf(41), 10)
  assert.deepEqual(candles.extremes(TILE - 1, TILE + 2), [TILE - 3, TILE + 4])
  const days = new Candles({ level: "d", total: TILE + 10, fetchTile: async (number) => tiles[number] })
  await days.all()
  assert.deepEqual([0, 3, 4, TILE * 4 + 1].map((candle) => days.barOf(candle)), [0, 0, 1, TILE])
  assert.throws(() => decode(new ArrayBuffer(57)), /not whole/)
  assert.deepEqual(tilesFor(4000, 4200, 4096, 9000, 5000), [0, 1, 2])
})

test("numbers and dates read as traders write them", () => {
  assert.equal(price(1.08765, 5), "1.08765")
  assert.equal(price(151234.5, 2), "151,234.50")
  assert.equal(price(NaN, 2), "–")
  assert.deepEqual([0, 950, 1234, 5.2e6].map(volume), ["–", "950", "1.23K", "5.20M"])
  assert.equal(when(1709649000, true), "5 Mar 2024 14:30")
  assert.match(measured({ index: 10, price: 100, time: 0 }, { index: 34, price: 98, time: 86400 }, 2), /^−2\.00 \(−2\.00%\) · 24 bars, 1 d 0 h$/)
})

test("a mark is a triangle, a segment or a box, and has the name that the other screens use", () => {
  assert.equal(nameOf("swing", -1), "Swing low")
  assert.equal(nameOf("choch", 1), "CHoCH up")
  const broken = markOf(["a", "bos", 1, 30, 10, 30, 1.5, null, null, 31, 0.8, [12]])
  assert.deepEqual([broken.segment, broken.from, broken.to, broken.conf], [true, 12, 30, 31])
  assert.equal(markOf(["a", "fvg", 1, 30, 10, 40, null, 1, 2, 31, null, []]).zone, true)
})

test("a shifted digit is found by its place on the keyboard", () => {
  assert.equal(keyName({ code: "Digit3", key: "#", shiftKey: true }), "Shift+3")
  assert.equal(keyName({ code: "Numpad1", key: "1", shiftKey: false }), "1")
  assert.equal(keyName({ code: "KeyJ", key: "J", shiftKey: true }), "Shift+j")
  assert.equal(keyName({ code: "BracketRight", key: "+", shiftKey: true }), "+")
})

test("a candle is named by its number or a date, as traders write them", () => {
  for (const text of ["1500", "1,500", "#1500", " 1 500 "]) assert.deepEqual(readPlace(text), { candle: 1500 })
  const minute = { seconds: 1709649000, span: 1 }
  for (const text of ["2024-03-05 14:30", "2024-03-05T14:30", "5.3.2024 14:30", " 05.03.2024 14:30 "]) assert.deepEqual(readPlace(text), minute)
  const day = { seconds: Date.UTC(2026, 6, 14) / 1000, span: 86400 }
  for (const text of ["14.07.2026", "14/07/2026", "07/14/2026", "2026-07-14"]) assert.deepEqual(readPlace(text), day)
  assert.equal(readPlace("07/07/2026").seconds, Date.UTC(2026, 6, 7) / 1000)
  assert.match(readPlace("05/07/2026").why, /^It can't be told whether 05\/07\/2026 is 5 Jul 2026 or 7 May 2026\./)
  for (const text of ["", "soon", "2024-02-31", "31.02.2024", "13/13/2024", "2024-03-05 25:00", "2024-03-05 12:60", "-5", "1.5", "14.07.26"]) assert.ok(readPlace(text).why, text)
})

test("a place beside the window is its nearest end", () => {
  assert.deepEqual(nearest(10, 30, 20, 90), { candle: 20, beside: "" }, "a day that begins before the window")
  assert.deepEqual(nearest(10, 19, 20, 90), { candle: 20, beside: "before" })
  assert.deepEqual(nearest(91, 95, 20, 90), { candle: 90, beside: "after" })
  assert.deepEqual(nearest(40, 39, 20, 90), { candle: 40, beside: "" }, "a time between two candles")
})

test("a quick reason keeps its key while the board is open, and a new one takes the next free key", () => {
  const opened = reasonSlots([], ["early", "late", "noise"])
  assert.deepEqual(reasonSlots(opened, ["late", "early", "noise"]), ["early", "late", "noise"])
  assert.deepEqual(reasonSlots(opened, ["fresh", "late", "early", "noise"]), ["early", "late", "noise", "fresh"])
  assert.deepEqual(reasonSlots(["a", "b"], ["c", "b"], 2), ["a", "b"])
})

test("a key that is held down moves on and on, and judges once", () => {
  const done = []
  const board = { scene: { current: 0, letters: [] }, judge: (verdict) => done.push(verdict), walk: (by) => done.push(by), undo: () => done.push("undo"), useReason: () => done.push("reason"), judgements: { reasons: [] } }
  globalThis.Element = class {}
  globalThis.document = { addEventListener: () => undefined, removeEventListener: () => undefined }
  const keys = new Keys(commands(board), () => true)
  const press = (key, changes = {}) => keys.listen({ key, code: `Key${key.toUpperCase()}`, composedPath: () => [], preventDefault: () => undefined, stopImmediatePropagation: () => undefined, ...changes })
  for (const repeat of [false, true, true]) {
    for (const key of ["1", "2", "j", "m", "z"]) press(key, { repeat, code: /\d/.test(key) ? `Digit${key}` : `Key${key.toUpperCase()}` })
    press("!", { repeat, code: "Digit1", shiftKey: true })
  }
  assert.deepEqual(done, ["confirmed", "false_positive", 1, "false_negative", "undo", "reason", 1, 1])
})
