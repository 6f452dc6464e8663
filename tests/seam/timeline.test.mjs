import assert from "node:assert/strict"
import { test } from "node:test"
import { load } from "./load.mjs"

const text = await load(["assets/timeline_text.js"], ["duration", "clock", "candle", "initials", "look", "kindName", "join", "dayName"])
const rows = await load(
  ["assets/shared.js", "assets/timeline_text.js", "assets/timeline_rows.js", "assets/timeline_execution.js"],
  ["scoreText", "phaseState", "LINES", "lastOf"],
)
const phases = ["planning", "implementing", "testing", "refining", "deploying"]
const run = (changes) => {
  const whole = { status: "running", phase: "testing", progress: 50, canceled: false, phases: {}, ...changes }
  return { live: !["failed", "completed"].includes(whole.status), ...whole }
}
const states = (changes) => phases.map((name) => rows.phaseState(run(changes), name))

test("times read as on the rest of the screens", () => {
  assert.deepEqual([0, 59, 151, 3725, 90000].map(text.duration), ["0 s", "59 s", "2 min 31 s", "1 h 2 min", "1 d 1 h"])
  assert.deepEqual([151, 3725].map(text.clock), ["2:31", "1:02:05"])
  assert.equal(text.dayName(new Date()), "Today")
})

test("a candle is its number and its day, with the time within a day where there is one", () => {
  assert.equal(text.candle(0, "2024-02-03T00:00:00+00:00"), "#0 · 3 Feb 2024")
  assert.equal(text.candle(null, "2024-02-03T09:05:00+00:00"), "3 Feb 2024 09:05")
  assert.equal(text.candle(undefined, undefined), "")
})

test("names and states that nobody foresaw still read", () => {
  assert.equal(text.initials("Mara van der Klein"), "MK")
  assert.equal(text.initials("lea"), "LE")
  assert.equal(text.initials(null), "?")
  assert.equal(text.look({}, "half_done").label, "Half done")
  assert.equal(text.kindName({ kinds: { bos: "BOS" } }, "bos", -1), "BOS down")
  assert.equal(text.kindName({ kinds: {} }, "swing", 1), "Swing high")
})

test("a rate never stands without its interval", () => {
  const judged = { session_id: "s", tp: 8, fp: 4, fn: 0 }
  assert.equal(rows.scoreText({ ...judged, success_rate: 2 / 3, ci_low: 0.3906, ci_high: 0.8619 }), "67% (39–86%), n 12")
  assert.equal(rows.scoreText({ ...judged, success_rate: 2 / 3 }), "n 12")
  assert.equal(rows.scoreText({ session_id: "s", tp: 0, fp: 0, fn: 0 }), "nothing judged")
})

test("phases are done, under way, failed or ahead", () => {
  assert.deepEqual(states({}), ["done", "done", "now", "next", "next"])
  assert.deepEqual(states({ status: "failed" }), ["done", "done", "failed", "next", "next"])
  assert.deepEqual(states({ status: "pending", phase: null }), ["next", "next", "next", "next", "next"])
  assert.equal(states({ status: "completed", phase: "deploying" })[4], "done")
})

test("a disputed mark says where it is, a rolled-back version which one came back", () => {
  const entry = { author: { id: "1", name: "Lea Park", image: null } }
  const disputed = rows.LINES.mark_disputed({ ...entry, data: { candle_index: 7 } }, {})
  assert.deepEqual(disputed.slice(2, 4), ["Mark disputed", "#7 · by Lea"])
  const back = rows.LINES.version_rolled_back({ ...entry, data: { previous_version: "0.2.0", new_version: "0.1.0", reason: "worse" } }, {})
  assert.deepEqual(back.slice(2), ["Rolled back to v0.1.0", "was v0.2.0 · by Lea", "worse"])
})
