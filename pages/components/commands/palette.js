// The palette: everything that can be gone to or done, narrowed as one types.
const ASK_MS = 120
const SYMBOLS = /** @type {Record<string, string>} */ ({ pattern: "forum", session: "candlestick_chart", execution: "bolt", dataset: "database", person: "person" })

/** @typedef {{ symbol: string, label: string, note: string, act: () => void }} Choice */
/** @typedef {Answers["find"]} Found */

/** What can be pressed on the page now: its buttons with words on them. @returns {Choice[]} */
function pageActions() {
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll(
    '[data-testid="stMain"] [data-testid^="stBaseButton-"]:not([disabled])'))
  const labels = new Set()
  return [...buttons].flatMap((button) => {
    const words = button.querySelector('[data-testid="stMarkdownContainer"]')
    const text = [...(words?.querySelectorAll("p") ?? [])].map((p) => [...p.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE).map((n) => n.textContent).join("")).join(" ").trim()
    if (!text || labels.has(text) || !button.getClientRects().length || button.closest('[role="radiogroup"]')) return []
    labels.add(text)
    return [{ symbol: "play_arrow", label: text, note: "on this screen", act: () => button.click() }]
  })
}

class Palette {
  /** @param {(link: string) => void} open @param {() => void} renew */
  constructor(open, renew) {
    this.open_ = open
    this.renew = renew
    this.token = ""
    /** @type {CommandsData["screens"]} */
    this.screens = []
    /** @type {Choice[]} */
    this.found = []
    /** @type {Choice[]} */
    this.choices = []
    this.at = 0
    this.asked = 0
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.later = undefined
    this.input = el("input")
    this.input.placeholder = "Patterns, sessions, executions, people, actions"
    this.input.setAttribute("aria-label", "Go to anything")
    this.input.setAttribute("role", "combobox")
    this.input.setAttribute("aria-expanded", "true")
    this.input.setAttribute("aria-controls", "choices")
    this.input.autocomplete = "off"
    this.input.spellcheck = false
    this.list = el("div", "choices")
    this.list.id = "choices"
    this.list.setAttribute("role", "listbox")
    this.list.setAttribute("aria-label", "What fits")
    this.said = el("div", "said small muted")
    this.said.setAttribute("role", "status")
    this.box = el("dialog", "palette", this.input, this.list, this.said)
    this.box.setAttribute("aria-label", "Go to anything")
    this.box.onclick = (event) => { if (event.target === this.box) this.box.close() }
    this.input.oninput = () => this.typed()
    this.box.onkeydown = (event) => this.key(event)
  }

  show() {
    if (this.box.open) return this.box.close()
    this.input.value = ""
    this.found = []
    this.actions = pageActions()
    this.box.showModal()
    this.draw()
    return this.input.focus()
  }

  typed() {
    clearTimeout(this.later)
    this.found = []
    this.draw()
    const words = this.input.value.trim()
    if (words) this.later = setTimeout(() => this.ask(words), ASK_MS)
  }

  /** @param {string} words */
  async ask(words) {
    const turn = ++this.asked
    this.said.textContent = "Looking …"
    try {
      const answer = await fetch(new URL(`find?q=${encodeURIComponent(words.slice(0, 200))}`, document.baseURI), { headers: { Authorization: `Bearer ${this.token}` } })
      if (turn !== this.asked || !this.box.open) return
      if (answer.status === 403 || answer.status === 401) {
        this.said.textContent = "This page was open for long; one moment."
        this.renew()
        return
      }
      if (!answer.ok) throw new Error(await answer.text())
      const { results } = /** @type {Found} */ (await answer.json())
      this.found = results.map(({ kind, label, note, link }) => ({ symbol: SYMBOLS[kind] ?? "search", label, note, act: () => this.open_(link) }))
      this.draw()
    } catch {
      if (turn === this.asked) this.said.textContent = "The server can't be asked now; screens and actions still work."
    }
  }

  draw() {
    const words = this.input.value.trim().toLowerCase()
    const screens = this.screens.map(({ title, symbol, note, link }) => ({ symbol, label: title, note, act: () => this.open_(link) }))
    const near = [...screens, ...(this.actions ?? [])].filter(({ label, note }) => !words || `${label} ${note}`.toLowerCase().includes(words))
    this.choices = [...near.filter(({ label }) => words && label.toLowerCase().startsWith(words)), ...this.found,
      ...near.filter(({ label }) => !words || !label.toLowerCase().startsWith(words))]
    this.at = 0
    this.said.textContent = this.choices.length ? "" : "Nothing fits."
    this.list.replaceChildren(...this.choices.map((choice, at) => this.option(choice, at)))
    this.select(0)
  }

  /** @param {Choice} choice @param {number} at */
  option(choice, at) {
    const node = el("div", "choice", icon(choice.symbol), el("span", "label", choice.label), el("span", "muted small note", choice.note))
    node.id = `choice-${at}`
    node.setAttribute("role", "option")
    node.onclick = () => this.take(at)
    node.onmousemove = () => { if (this.at !== at) this.select(at) }
    return node
  }

  /** @param {number} at */
  select(at) {
    this.at = Math.max(0, Math.min(this.choices.length - 1, at))
    for (const [k, node] of [...this.list.children].entries()) node.setAttribute("aria-selected", String(k === this.at))
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" })
    this.input.setAttribute("aria-activedescendant", this.choices.length ? `choice-${this.at}` : "")
  }

  /** @param {number} at */
  take(at) {
    const choice = this.choices[at]
    if (!choice) return
    this.box.close()
    choice.act()
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key]
    if (step) this.select(this.at + step)
    else if (event.key === "Enter" && !event.isComposing) this.take(this.at)
    else return event.stopPropagation()
    event.preventDefault()
    return event.stopPropagation()
  }
}
