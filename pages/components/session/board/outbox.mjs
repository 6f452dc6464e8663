// Judgements on their way to the server. Each is written to the browser's storage before it is painted and stays there
// until the server has answered for it by its id, so that neither a lost connection nor a closed tab loses one.

/** @typedef {import("./core.mjs").Op} Op */
/** @typedef {{ setItem(key: string, value: string): void, getItem(key: string): string | null, removeItem(key: string): void, key(i: number): string | null, readonly length: number }} Store */
/** @typedef {(ops: Op[], options: { leaving: boolean }) => Promise<AnswerJson>} Post */

const PAUSES = [250, 500, 1000, 2000, 4000, 8000]

/** Why a batch was not taken. `renew`: the token is no longer good, and the box waits for another. */
export class PostError extends Error {
  /** @param {string} sentence @param {boolean} [renew] */
  constructor(sentence, renew = false) {
    super(sentence)
    this.renew = renew
  }
}

export class Outbox {
  /** @type {Op[]} */
  pending = []
  seq = 0
  tries = 0
  held = false
  unkept = false
  /** @type {Promise<void> | null} */
  flying = null
  /** @type {unknown} */
  waiting = null
  error = ""

  /**
   * @param {{ storage: Store, prefix: string, client: string, post: Post, uuid: () => string, onAnswer: (answer: AnswerJson, ops: Op[]) => void,
   *   onChange?: () => void, limit?: number, gather?: number, timer?: (act: () => void, ms: number) => unknown, clear?: (timer: any) => void }} options
   */
  constructor(options) {
    this.options = options
    this.limit = options.limit ?? 100
    this.gather = options.gather ?? 0
    // A browser's setTimeout must not be called as the method of another object.
    this.timer = options.timer ?? ((act, ms) => setTimeout(act, ms))
    this.clear = options.clear ?? ((timer) => clearTimeout(timer))
  }

  /** @param {Op} op */
  key(op) {
    return `${this.options.prefix}${op.client}:${String(op.seq).padStart(9, "0")}`
  }

  /** @param {Omit<Op, "id" | "client" | "seq">} op @returns {Op} */
  add(op) {
    const whole = { id: this.options.uuid(), client: this.options.client, seq: ++this.seq, ...op }
    this.pending.push(whole)
    try {
      this.options.storage.setItem(this.key(whole), JSON.stringify(whole))
    } catch {
      this.unkept = true // storage full or forbidden: still sent, but a closed tab would lose it
    }
    this.send(this.gather)
    return whole
  }

  /**
   * Takes over what boards that are gone left behind.
   * @param {(client: string) => Promise<boolean>} gone whether the tab of that board is closed
   */
  async adopt(gone) {
    /** @type {Map<string, string[]>} */
    const left = new Map()
    for (let i = 0; i < this.options.storage.length; i++) {
      const key = this.options.storage.key(i) ?? ""
      if (!key.startsWith(this.options.prefix)) continue
      const client = key.slice(this.options.prefix.length).split(":")[0] ?? ""
      if (client !== this.options.client) left.set(client, [...(left.get(client) ?? []), key])
    }
    let taken = 0
    for (const [client, keys] of left) {
      if (!(await gone(client))) continue
      const ops = keys.sort().map((key) => read(this.options.storage.getItem(key)))
      const whole = ops.filter((op) => op !== null)
      this.pending.unshift(...whole)
      taken += whole.length
    }
    this.send()
    return taken
  }

  /** One request at a time, so that batches grow by themselves. @param {number} [after] ms in which more may gather */
  send(after = 0) {
    this.options.onChange?.()
    if (this.flying || this.waiting !== null || this.held || !this.pending.length) return
    if (after) {
      this.waiting = this.timer(() => {
        this.waiting = null
        this.send()
      }, after)
      return
    }
    const batch = this.pending.slice(0, this.limit)
    this.flying = this.options.post(batch, { leaving: false }).then((answer) => this.took(answer), (error) => this.failed(error))
  }

  /** @param {AnswerJson} answer */
  took(answer) {
    this.flying = null
    this.tries = 0
    const done = new Set(answer.results.filter((r) => r.result !== "gap").map((r) => r.id))
    const gone = this.pending.filter((op) => done.has(op.id))
    this.pending = this.pending.filter((op) => !done.has(op.id))
    for (const op of gone) this.options.storage.removeItem(this.key(op))
    const gap = answer.results.find((r) => r.result === "gap")
    if (gap) this.fill(gap)
    this.options.onAnswer(answer, gone)
    this.send()
  }

  // The server never got a number that this board has not any more: it is declared lost, so that the others can follow.
  /** @param {ResultJson} gap */
  fill(gap) {
    const after = this.pending.find((op) => op.id === gap.id)
    if (!after || gap.expected === null) return
    const seq = gap.expected
    if (this.pending.some((op) => op.client === after.client && op.seq === seq)) return
    this.pending.splice(this.pending.indexOf(after), 0, { id: this.options.uuid(), client: after.client, seq, do: "lost", seen: 0 })
  }

  /** @param {unknown} error */
  failed(error) {
    this.flying = null
    this.error = error instanceof Error ? error.message : String(error)
    if (error instanceof PostError && error.renew) this.held = true
    else {
      const pause = PAUSES[Math.min(this.tries++, PAUSES.length - 1)] ?? 8000
      this.waiting = this.timer(() => {
        this.waiting = null
        this.send()
      }, pause)
    }
    this.options.onChange?.()
  }

  resume() {
    this.held = false
    this.tries = 0
    if (this.waiting !== null) this.clear(this.waiting)
    this.waiting = null
    this.send()
  }

  // The tab may go away: everything once more, in requests that outlive the page. The server knows each by its id.
  leave() {
    for (let i = 0; i < this.pending.length; i += this.limit) {
      this.options.post(this.pending.slice(i, i + this.limit), { leaving: true }).catch(() => undefined)
    }
  }
}

/** @param {string | null} text @returns {Op | null} */
function read(text) {
  try {
    return text === null ? null : JSON.parse(text)
  } catch {
    return null
  }
}
