// What was judged: what the server holds, and what of this browser's judgements it has not acknowledged yet.
import { LETTER, overlay, reasonSlots } from "./core.mjs"
import { hold, isGone } from "./link.mjs"
import { Outbox } from "./outbox.mjs"

/** @typedef {import("./core.mjs").Op} Op */
/** @typedef {import("./marks.mjs").Scene} Scene */
/** @typedef {Omit<Op, "id" | "client" | "seq" | "seen"> & { seen?: number }} NewOp */
/** @typedef {{ id: string, mark: string | null, letter: string, before: string, missed: string | null }} Done */
/** @typedef {{ draw: () => void, saving: (box: Outbox) => void, saved: () => void, status: () => void,
 *   refused: (failed: { result: ResultJson, op: Op | undefined }[]) => void, conflict: (op: Op) => void }} Told */

const ASK_MS = 150 // so that changes that come together are asked for once

export class Judgements {
  /** Everybody's verdicts as the server gave them last, one letter a mark. */
  served = ""
  position = 0
  status = ""
  /** @type {import("./marks.mjs").Missed[]} */
  servedMissed = []
  /** @type {Map<string, number>} */
  indexOf = new Map()
  /** @type {Done[]} what this person may take back, the newest first */
  history = []
  /** @type {Map<string, string>} the person's own newest op on a mark, as this board knows it */
  own = new Map()
  /** @type {string[]} by their keys */
  reasons = []
  /** @type {OtherJson[]} other people's verdicts, as far as this person may see them */
  others = []
  blind = false
  /** Something changed elsewhere while judgements of this board were on their way. */
  stale = false
  /** @type {Op[]} conflicts that wait for the person's word */
  conflicts = []
  /** @type {Outbox | null} */
  box = null

  /** @param {{ scene: Scene, link: import("./link.mjs").Link, prefix: string, told: Told }} options */
  constructor({ scene, link, prefix, told }) {
    this.scene = scene
    this.link = link
    this.prefix = prefix
    this.told = told
  }

  /** Takes the name of a board that no other tab has, and what boards that are gone left unsent. */
  async open() {
    const client = crypto.randomUUID()
    this.release = await hold(client)
    const box = new Outbox({
      storage: localStorage, prefix: this.prefix, client, uuid: () => crypto.randomUUID(), gather: 120,
      post: (ops, options) => this.link.post(ops, options),
      onAnswer: (answer, ops) => this.answered(answer, ops), onChange: () => this.told.saving(box),
    })
    this.box = box
    await box.adopt(isGone)
  }

  get pending() {
    return this.box?.pending ?? []
  }

  /** @param {StateJson} state */
  take(state) {
    const was = this.status
    this.served = state.letters
    this.position = state.position
    this.status = state.status
    this.servedMissed = state.missed
    this.history = state.history.map(({ id, mark, letter, before, missed }) => ({ id, mark, letter, before, missed }))
    this.reasons = reasonSlots(this.reasons, state.reasons)
    this.others = state.others
    this.blind = state.blind
    this.stale = false
    this.fold()
    if (was && was !== this.status) this.told.status()
  }

  /** What the board shows: the server's verdicts with what waits here laid over them. */
  fold() {
    const { pending } = this
    this.scene.letters = overlay(this.served, this.indexOf, pending)
    const gone = new Set(pending.flatMap((op) => (op.do === "undo" ? [op.missed ?? op.of] : op.do === "remove" ? [op.mark] : [])))
    const added = pending.filter((op) => op.do === "miss").map(missedBy)
    this.scene.missed = [...this.servedMissed, ...added].filter((one) => !gone.has(one.id))
    for (const op of pending) if (op.do === "judge" || op.do === "miss") this.remember(op)
    const undone = new Set(pending.flatMap((op) => (op.do === "undo" ? [op.of] : [])))
    const there = new Set(this.scene.missed.map((one) => one.id))
    this.history = this.history.filter((one) => !undone.has(one.id) && (one.missed === null || there.has(one.missed))) // a place that was taken away can't be undone
    this.told.draw()
  }

  /** @param {Op} op */
  remember(op) {
    if (this.history.some((one) => one.id === op.id)) return
    const at = this.indexOf.get(op.mark ?? "")
    const before = at === undefined ? "." : (this.served[at] ?? ".")
    this.history.unshift({ id: op.id, mark: op.mark ?? null, letter: op.letter ?? "x", before, missed: op.do === "miss" ? op.id : null })
  }

  /** @param {NewOp} op */
  put(op) {
    const made = this.box?.add({ ...op, seen: op.seen ?? this.position })
    if (!made) return
    if (made.mark && made.do === "judge") this.own.set(made.mark, made.id)
    this.fold()
  }

  /** Takes back this person's newest judgement: the mark it was of, or the place that it had made. */
  undo() {
    const last = this.history[0]
    if (!last) return { mark: null, made: null }
    const made = this.scene.missed.find((one) => one.id === (last.missed ?? "")) ?? null
    this.takeBack(last)
    return { mark: last.mark, made }
  }

  /** @param {Done} done */
  takeBack(done) {
    this.put({ do: "undo", of: done.id, mark: done.mark, letter: done.before, ...(done.missed ? { missed: done.missed } : {}) })
  }

  /** Takes a place of this person away. While it is not saved yet, the server knows it only by what made it. @param {import("./marks.mjs").Missed} place */
  remove(place) {
    const done = this.history.find((one) => one.missed === place.id)
    if (done) this.takeBack(done)
    else this.put({ do: "remove", mark: place.id })
  }

  /** @param {AnswerJson} answer @param {Op[]} ops */
  answered(answer, ops) {
    this.position = Math.max(this.position, answer.position)
    const letters = [...this.served]
    const failed = answer.results.filter((result) => result.result === "refused" || result.result === "conflict")
    for (const op of ops) {
      const result = answer.results.find((one) => one.id === op.id)
      const at = this.indexOf.get(op.mark ?? "")
      const done = result?.result === "done"
      if (at !== undefined && op.letter !== undefined) letters[at] = done ? op.letter : (result?.letter ?? letters[at] ?? ".")
      if (done) this.kept(op, result.item)
      else {
        this.history = this.history.filter((one) => one.id !== op.id)
        if (op.mark) this.own.delete(op.mark)
        if (result?.result === "conflict") this.conflicts.push(op)
      }
    }
    this.served = letters.join("")
    if (answer.state) this.take(answer.state)
    else this.fold()
    if (this.conflicts[0]) this.told.conflict(this.conflicts[0])
    else if (failed.length) this.told.refused(failed.map((result) => ({ result, op: ops.find((op) => op.id === result.id) })))
    if (this.pending.length) return
    if (this.stale) this.changed()
    this.told.saved()
  }

  /** A missed mark that is added or taken away, as the server has it from now on. @param {Op} op @param {string | null} item */
  kept(op, item) {
    if (op.do === "miss") {
      this.servedMissed = [...this.servedMissed, { ...missedBy(op), id: item ?? op.id }]
      this.history = this.history.map((one) => (one.id === op.id ? { ...one, missed: item } : one))
    }
    if (op.do === "remove" || op.do === "undo") {
      this.servedMissed = this.servedMissed.filter((one) => one.id !== item && one.id !== op.mark)
    }
  }

  /** The person's word on a conflict: what this tab said after all, or what the other one did. @param {Op} op @param {boolean} again */
  resolve(op, again) {
    this.conflicts = this.conflicts.filter((one) => one !== op)
    const { id: _id, client: _client, seq: _seq, ...same } = op
    if (again) this.put({ ...same, base: null, seen: this.position })
    if (this.conflicts[0]) this.told.conflict(this.conflicts[0])
  }

  /** Something changed; the server is asked what, as soon as nothing of this board is on its way. */
  changed() {
    clearTimeout(this.asking)
    this.asking = setTimeout(() => this.ask(), ASK_MS)
  }

  async ask() {
    this.stale = true
    if (this.pending.length) return
    try {
      const state = await this.link.state()
      if (!this.pending.length) this.take(state)
    } catch {
      // the next change, or the stream's own return, asks again
    }
  }

  end() {
    clearTimeout(this.asking)
    this.box?.leave()
    this.release?.()
  }
}

/** @param {Op} op @returns {import("./marks.mjs").Missed} */
function missedBy({ id, kind, direction, index }) {
  return { id, kind: kind ?? "", direction: direction ?? 0, index: index ?? 0, own: true }
}

/** The letter under which a verdict is kept. @param {string} verdict */
export const letterOf = (verdict) => LETTER[verdict] ?? "."
