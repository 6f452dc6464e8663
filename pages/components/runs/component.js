// What an execution's screen draws: checkpoints, tables, a diff, texts, live runs. Everything arrives as finished text.

// A text whose time goes on by itself, so that nothing has to be asked for it. `spoken` in runs/state.py says the same.
/** @param {Ticking} text @param {string} [cls] @param {(total: number) => string} [form] */
function ticking({ before, since, until, after }, cls = "", form = duration) {
  const node = el("span", cls)
  const counted = () => {
    if (since) return form(seconds(since))
    const left = until ? seconds(new Date().toISOString(), until) : 0
    return left >= 0.5 ? `in ${clock(left)}` : until ? "begins now" : ""
  }
  const write = () => { node.textContent = `${before}${counted()}${after}` }
  write()
  if (since || until) {
    const timer = setInterval(() => {
      if (node.isConnected) write()
      else clearInterval(timer)
    }, 1000)
  }
  return node
}

/** @param {Extract<ExecutionData, { kind: "doing" }>} data */
function doing({ task, percent, figures, notices }) {
  return el("div", "doing", el("div", "runhead small", el("span", "task", task), el("span", "stretch"), percent && el("span", "percent", percent), ticking(figures, "muted")),
    notices.map(({ color, symbol, text }) => el("div", `notice small ${color}`, icon(symbol), ticking(text))))
}

/** @param {Point} point */
function checkpoint({ color, symbol, text, details, time, title }) {
  const when = el("span", "muted small when", time)
  if (title) when.title = title
  return el("li", `point ${color}`, icon(symbol), el("div", "said", text, details && el("div", "details", details)), when)
}

/** @param {"th" | "td" | "dd"} name @param {Cell} cell */
function cell(name, { t, icon: symbol, color, badge: tone, mono, muted, right, long, title, since }) {
  const inside = since ? ticking({ before: "", since, until: null, after: "" }, "", clock) : tone ? el("span", `badge ${tone}`, symbol && icon(symbol), t) : symbol ? el("span", `seen ${color}`, icon(symbol), t) : t
  const node = el(name, [mono && "mono", muted && "muted", right && "right", long && "long"].filter(Boolean).join(" "), inside)
  if (title) node.title = title
  return node
}

/** @param {Extract<ExecutionData, { kind: "table" }>} data @param {Open} open */
function table({ head, rows, label, numbers, chosen }, open) {
  const node = el("table", numbers ? "choosable" : "",
    el("thead", "", el("tr", "", head.map((h) => cell("th", h)))),
    el("tbody", "", rows.map((row, at) => numbers ? choosable(row, numbers[at], numbers[at] === chosen, open) : el("tr", "", row.map((c) => cell("td", c))))))
  node.setAttribute("aria-label", label)
  const scroller = el("div", "sideways", node)
  scroller.tabIndex = 0
  return scroller
}

// The whole row takes the click; the button in its first cell is for the keyboard and for readers of the screen.
/** @param {Cell[]} cells @param {number} number @param {boolean} chosen @param {Open} open */
function choosable([first, ...rest], number, chosen, open) {
  const button = press(null, "choose", null, icon(chosen ? "expand_more" : "chevron_right"), first.t)
  button.setAttribute("aria-label", `Attempt ${first.t}`)
  button.setAttribute("aria-pressed", String(chosen))
  const row = el("tr", chosen ? "chosen" : "", el("td", "", button), rest.map((c) => cell("td", c)))
  row.onclick = () => open(number)
  return row
}

/** @param {Extract<ExecutionData, { kind: "meter" }>} data */
function meter({ label, value, fraction, color }) {
  return el("div", `meter ${color}`, el("div", "meterhead", el("span", "strong", label), el("span", "muted small", value)), bar(fraction, color))
}

/** @type {Record<string, [string, string]>} */
const SIGNS = { "+": ["add", "+"], "-": ["del", "−"], "@": ["hunk", ""], " ": ["", ""] }

/** @param {DiffFile} file */
function counts({ added, removed }) {
  return [el("span", "plus", `+${added}`), el("span", "minus", `−${removed}`)]
}

/** @param {DiffFile} file */
function marks({ note, tests }) {
  return [note && el("span", "badge gray", note), tests && el("span", "badge orange", icon("labs"), "tests")]
}

/** @param {DiffFile} its */
function file(its) {
  const code = el("div", "code", el("div", "inner", its.lines.map(([kind, text]) => {
    const [cls, sign] = SIGNS[kind] ?? SIGNS[" "]
    return el("div", `codeline ${cls}`, kind === "@" ? null : el("span", "sign", sign), el("span", "", text || " "))
  })))
  code.tabIndex = 0
  code.setAttribute("role", "region")
  code.setAttribute("aria-label", `Changes of ${its.path}`)
  return el("section", "file", el("div", "filehead", el("span", "path mono", its.path), marks(its), counts(its)), its.lines.length ? code : null)
}

// Where there are several files, a list of them comes first; each leads to its lines.
/** @param {Extract<ExecutionData, { kind: "diff" }>} data */
function diff({ files }) {
  const sections = files.map(file)
  const list = files.length < 2 ? null : el("ul", "changed", files.map((its, at) => el("li", "", press(`Show ${its.path}`, "lead", () => {
    sections[at].scrollIntoView({ block: "start", behavior: "smooth" })
  }, el("span", "path mono", its.path), marks(its), el("span", "stretch"), counts(its)))))
  return el("div", "files", list, sections)
}

/** @param {Open} open @param {LooksData} looks @param {RunCard} run */
function liveRun(open, looks, run) {
  const node = press(null, "card run", () => open(run.id),
    el("span", "runhead", el("span", "strong", run.name), el("span", "muted", `Execution ${run.number}`), badge(run.look),
      el("span", "stretch"), ticking(run.facts, "muted small"), el("span", "percent", run.percent)),
    phaseBar({ looks }, run.phases, []), run.remark && ticking(run.remark, "remark"))
  return node
}

/** @typedef {Components["execution"]["data"]} ExecutionData */
/** @typedef {(id: string | number) => void} Open */
/** @typedef {Exclude<ExecutionData, { kind: "text" }>} Drawing */

/** @type {{ [K in Drawing["kind"]]: (data: Extract<Drawing, { kind: K }>, open: Open) => HTMLElement }} */
const KINDS = {
  phases: ({ looks, run }) => phaseBar({ looks }, run, []),
  checkpoints: ({ groups }) => el("div", "groups", groups.map(({ title, items }) =>
    el("section", "", el("div", "group", title), el("ul", "points", items.map(checkpoint))))),
  table,
  facts: ({ rows, beside }) => el("dl", `facts${beside ? " beside" : ""}`, rows.flatMap(([name, value]) => [el("dt", "", name), cell("dd", value)])),
  diff,
  meter,
  doing,
  line: ({ text }) => ticking(text, "muted small line"),
  runs: ({ looks, runs }, open) => el("div", "runs", runs.map((run) => liveRun(open, looks, run))),
}

const MOST = 400000 // characters that a growing text may come to while its reader is not at its end

// What a text that grows and loses its beginning gained since it was drawn; null when it is another text.
/** @param {string} before @param {string} after */
function gained(before, after) {
  const start = after.startsWith(before) ? 0 : before.indexOf(after.slice(0, 400))
  if (start < 0 || !before || !after.startsWith(before.slice(start))) return null
  return after.slice(before.length - start)
}

// A reader at the end of a growing text stays at the end. For one who scrolled up nothing moves: what is new is put
// below, and the beginning that the page no longer holds is kept until they come back.
/** @param {HTMLElement} root @param {Extract<ExecutionData, { kind: "text" }>} data */
function showText(root, { text, label, height, wrap, follow }) {
  const held = /** @type {HTMLPreElement | null} */ (root.querySelector("pre.passage"))
  const box = held ?? el("pre", `passage mono${wrap ? " wrap" : ""}`)
  if (!held) {
    box.tabIndex = 0
    root.replaceChildren(box)
  }
  box.setAttribute("aria-label", label)
  box.style.maxHeight = height
  const before = box.textContent ?? ""
  if (before === text) return
  const atEnd = !held || box.scrollHeight - box.scrollTop - box.clientHeight < 24
  const more = follow ? gained(before, text) : null
  if (more !== null && (!atEnd || before.length + more.length <= text.length) && before.length + more.length <= MOST) {
    box.append(document.createTextNode(more))
  } else {
    box.textContent = text
  }
  if (follow && atEnd) requestAnimationFrame(() => { box.scrollTop = box.scrollHeight })
}

// Draws anew, and leaves the reader where they were: what scrolls inside keeps its place, the focus its control.
/** @param {HTMLElement} root @param {HTMLElement} node */
function redraw(root, node) {
  const held = () => [.../** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[tabindex], button"))]
  const places = held().map((one) => [one.scrollLeft, one.scrollTop])
  const focused = focusedIn(root)
  const focus = held().findIndex((one) => one === focused)
  root.replaceChildren(node)
  held().forEach((one, at) => {
    if (places[at]) [one.scrollLeft, one.scrollTop] = places[at]
  })
  if (focus >= 0) held()[focus]?.focus({ preventScroll: true })
}

/** @type {WeakMap<HTMLElement, string>} */
const drawn = new WeakMap()

/** @param {Components["execution"]} component */
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = need(parentElement, ".root")
  const text = JSON.stringify(data)
  if (drawn.get(root) === text) return
  drawn.set(root, text)
  if (data.kind === "text") return showText(root, data)
  const draw = /** @type {(data: Drawing, open: Open) => HTMLElement} */ (KINDS[data.kind])
  redraw(root, draw(data, (id) => setTriggerValue("open", id)))
}
