// What an execution's screen draws: checkpoints, tables, a diff, texts, live runs. Everything arrives as finished text.
function checkpoint({ color, symbol, text, details, time, title }) {
  const when = el("span", "muted small when", time)
  if (title) when.title = title
  return el("li", `point ${color}`, icon(symbol), el("div", "said", text, details && el("div", "details", details)), when)
}

function cell(name, { t, icon: symbol, color, badge: tone, mono, muted, right, wide, title }) {
  const inside = tone ? el("span", `badge ${tone}`, symbol && icon(symbol), t) : symbol ? el("span", `seen ${color}`, icon(symbol), t) : t
  const node = el(name, [mono && "mono", muted && "muted", right && "right", wide && "wide"].filter(Boolean).join(" "), inside)
  if (title) node.title = title
  return node
}

function table({ head, rows, label }) {
  const node = el("table", "",
    el("thead", "", el("tr", "", head.map((h) => cell("th", h)))),
    el("tbody", "", rows.map((row) => el("tr", "", row.map((c) => cell("td", c))))))
  node.setAttribute("aria-label", label)
  const scroller = el("div", "sideways", node)
  scroller.tabIndex = 0
  return scroller
}

const SIGNS = { "+": ["add", "+"], "-": ["del", "−"], "@": ["hunk", ""], " ": ["", ""] }

function file({ path, note, added, removed, lines }) {
  const code = el("div", "code", el("div", "inner", lines.map(([kind, text]) => {
    const [cls, sign] = SIGNS[kind] ?? SIGNS[" "]
    return el("div", `codeline ${cls}`, kind === "@" ? null : el("span", "sign", sign), el("span", "", text || " "))
  })))
  code.tabIndex = 0
  return el("section", "file", el("div", "filehead", el("span", "path mono", path), note && el("span", "badge gray", note),
    el("span", "plus", `+${added}`), el("span", "minus", `−${removed}`)), lines.length ? code : null)
}

function liveRun(open, looks, run) {
  const node = press(`Execution ${run.number} of ${run.name}`, "card run", () => open(run.id),
    el("span", "runhead", el("span", "strong", run.name), el("span", "muted", `Execution ${run.number}`), badge(run.look),
      el("span", "stretch"), el("span", "muted small", run.facts), el("span", "percent", run.percent)),
    phaseBar({ looks }, run.phases, []))
  return node
}

const KINDS = {
  phases: ({ looks, run }) => phaseBar({ looks }, run, []),
  checkpoints: ({ groups }) => el("div", "groups", groups.map(({ title, items }) =>
    el("section", "", el("div", "group", title), el("ul", "points", items.map(checkpoint))))),
  table,
  facts: ({ rows }) => el("dl", "facts", rows.flatMap(([name, value]) => [el("dt", "", name), cell("dd", value)])),
  diff: ({ files }) => el("div", "files", files.map(file)),
  runs: ({ looks, runs }, open) => el("div", "runs", runs.map((run) => liveRun(open, looks, run))),
}

// A reader at the end of a growing text stays at the end; one who scrolled up is left alone.
function showText(root, { text, label, height, wrap }) {
  let box = root.querySelector("pre.passage")
  const fresh = !box
  if (fresh) {
    box = el("pre", `passage mono${wrap ? " wrap" : ""}`)
    box.tabIndex = 0
    root.replaceChildren(box)
  }
  box.setAttribute("aria-label", label)
  box.style.maxHeight = height
  if (box.textContent === text) return
  const atEnd = fresh || box.scrollHeight - box.scrollTop - box.clientHeight < 24
  box.textContent = text
  return atEnd ? box : null
}

const drawn = new WeakMap()

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".root")
  const text = JSON.stringify(data)
  if (drawn.get(root) === text) return
  drawn.set(root, text)
  if (data.kind === "text") {
    const box = showText(root, data)
    if (box && data.follow) requestAnimationFrame(() => { box.scrollTop = box.scrollHeight })
    return
  }
  root.replaceChildren(KINDS[data.kind](data, (id) => setTriggerValue("open", id)))
}
