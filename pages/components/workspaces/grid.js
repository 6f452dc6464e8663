/** @param {CardData} card */
function foot(card) {
  if (!card.live) {
    return el("div", "foot", el("div", "line small muted", el("span", "", card.sessions), card.open && el("span", "open", card.open),
      el("span", "stretch"), el("span", "", card.tested)))
  }
  const { look, label, progress } = card.live
  const line = el("div", `line small ${look.color}`, icon(look.symbol), el("span", "live", label), el("span", "stretch"),
    el("span", "muted", progress === null ? "" : `${progress}%`))
  for (const symbol of /** @type {NodeListOf<HTMLElement>} */ (line.querySelectorAll(".icon"))) symbol.style.color = "var(--c)"
  return el("div", "foot", line, progress === null ? null : bar(progress / 100, look.color))
}

/** @param {CardData} card @param {(id: string) => void} open */
function cell(card, open) {
  const node = el("div", "card cell",
    el("div", "line", el("span", "name", card.name), badge(card.status)),
    el("div", "small muted", card.subtitle),
    el("div", "figures",
      el("div", "", el("div", `rate${card.tested_yet ? "" : " muted"}`, card.rate), el("div", "small muted", card.evidence), el("div", "small muted", card.unseen)),
      card.spark.length > 1 ? spark(card.spark) : null),
    foot(card))
  node.tabIndex = 0
  node.setAttribute("role", "link")
  node.title = card.name
  node.onclick = () => open(card.id)
  node.onkeydown = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return
    event.preventDefault()
    open(card.id)
  }
  return node
}

/** @type {WeakMap<HTMLElement, string>} */
const shown = new WeakMap()

/** @param {Components["workspace_grid"]} component */
export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const grid = need(parentElement, ".grid")
  const text = JSON.stringify(data.cards)
  if (shown.get(grid) === text) return
  shown.set(grid, text)
  const cells = () => /** @type {HTMLElement[]} */ ([...grid.children])
  const focus = focusedIn(grid)
  const focused = cells().findIndex((node) => node === focus)
  grid.replaceChildren(...data.cards.map((card) => cell(card, (id) => setTriggerValue("open", id))))
  if (focused >= 0) cells()[focused]?.focus()
}
