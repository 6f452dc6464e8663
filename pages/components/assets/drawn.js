// Small drawings of numbers that Streamlit has no widget for. Each takes finished text; rates are 0..1.

/** @param {number} low @param {number} rate @param {number} high */
function span(low, rate, high) {
  const reach = el("div", "reach")
  reach.style.left = `${low * 100}%`
  reach.style.width = `${(high - low) * 100}%`
  const here = el("div", "here")
  here.style.left = `${rate * 100}%`
  return el("div", "span", reach, here)
}

/** @param {ItemData} item */
const tally = ({ color, symbol, text }) => el("span", `tally small ${color}`, icon(symbol), text)

/** @param {RateData | RateRow} its */
const spanOf = ({ low, rate, high }) => rate === null || low === null || high === null ? null : span(low, rate, high)

/** @type {{ [K in DrawnData["kind"]]: (data: Extract<DrawnData, { kind: K }>) => HTMLElement }} */
const DRAWINGS = {
  facts: ({ rows }) => el("dl", "facts", rows.flatMap(([name, value]) => [el("dt", "", name), el("dd", "", value)])),
  checks: ({ items }) => el("div", "checks", items.map(({ color, symbol, text }) => el("span", `check ${color}`, icon(symbol), text))),
  rate: (its) => el("div", "rate",
    el("div", "line small muted", its.label, el("span", "stretch"), its.n_text),
    el("div", "line", el("span", `big${its.rate === null ? " muted" : ""}`, its.rate_text), el("span", "small muted", its.interval_text),
      its.values.length > 1 ? spark(its.values) : null),
    spanOf(its), its.items.length ? el("div", "tallies", its.items.map(tally)) : null),
  rates: ({ head, rows }) => el("table", "rates",
    el("thead", "", el("tr", "", head.map((name) => el("th", "", name)))),
    el("tbody", "", rows.map((r) => el("tr", "", el("td", "", r.name), el("td", "wide", spanOf(r)),
      el("td", "strong", r.rate_text), el("td", "muted", r.interval_text), el("td", "", r.n_text))))),
  lifecycle: ({ stops }) => el("div", "life", stops.map(({ state, color, symbol, label, date }) => {
    const stop = el("div", `stop ${state} ${color}`, icon(symbol), label, el("small", "", date))
    if (state === "here") stop.setAttribute("aria-current", "step")
    return stop
  })),
}

/** @typedef {Components["drawn"]["data"]} DrawnData */

/** @param {Components["drawn"]} component */
export default function (component) {
  const { data, parentElement } = component
  const draw = /** @type {(data: DrawnData) => HTMLElement} */ (DRAWINGS[data.kind])
  need(parentElement, ".root").replaceChildren(draw(data))
}
