// What the review shows beside Streamlit's own widgets: the queue, the sessions behind a rate, the change of a detector.

/** @param {BadgeData} badge */
const label = ({ color, symbol, text }) => el("span", `badge ${color}`, symbol ? icon(symbol) : null, text)

/** @param {QueueCard} card @param {string} selected @param {(id: string) => void} open */
function waiting(card, selected, open) {
  const node = press(card.spoken, "waiting", () => open(card.id),
    el("span", "top", el("span", "name", card.name), el("span", "small muted", card.version)),
    el("span", "by small muted", el("span", "", card.by), el("span", "", card.when)),
    el("span", "badges", card.badges.map(label)))
  if (card.id === selected) node.setAttribute("aria-current", "true")
  return node
}

/** @param {SessionLine} row @param {(id: string) => void} open */
function sessionRow(row, open) {
  return el("tr", "", el("td", "", press(null, "go", () => open(row.id), row.name), el("div", "narrow small muted", row.reviewer)), el("td", "", row.reviewer),
    el("td", "", row.counts), el("td", "strong", row.rate))
}

/** @param {ChangedFileData} file */
function changedFile({ path, added, removed, lines }) {
  const body = el("div", "lines", lines.map(([kind, text]) => el("div", kind, text)))
  const code = el("div", "code", body)
  code.tabIndex = 0
  code.setAttribute("role", "region")
  code.setAttribute("aria-label", path)
  return el("div", "", el("div", "file mono", path, el("span", "plus", added), el("span", "minus", removed)), code)
}

/** @typedef {Components["review"]["data"]} ReviewData */
/** @typedef {(id: string) => void} Open */

/** @type {{ [K in ReviewData["kind"]]: (data: Extract<ReviewData, { kind: K }>, open: Open) => HTMLElement }} */
const KINDS = {
  queue: ({ cards, selected }, open) => el("div", "queue", cards.map((card) => waiting(card, selected, open))),
  sessions: ({ head, rows, more }, open) => el("div", "",
    el("table", "sessions", el("thead", "", el("tr", "", head.map((name) => el("th", "", name)))),
      el("tbody", "", rows.map((row) => sessionRow(row, open)))),
    more ? el("div", "more small muted", more) : null),
  change: ({ files }) => el("div", "change", files.map(changedFile)),
  badges: ({ items }) => el("div", "badges", items.map(label)),
}

/** @type {WeakMap<HTMLElement, string>} */
const shown = new WeakMap()

/** @param {Components["review"]} component */
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = need(parentElement, ".root")
  const text = JSON.stringify(data)
  if (shown.get(root) === text) return
  shown.set(root, text)
  const draw = /** @type {(data: ReviewData, open: Open) => HTMLElement} */ (KINDS[data.kind])
  root.replaceChildren(draw(data, (id) => setTriggerValue("open", id)))
}
