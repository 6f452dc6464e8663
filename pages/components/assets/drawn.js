// Small drawings of numbers that Streamlit has no widget for. Each takes finished text; rates are 0..1.
function span(low, rate, high) {
  const reach = el("div", "reach")
  reach.style.left = `${low * 100}%`
  reach.style.width = `${(high - low) * 100}%`
  const here = el("div", "here")
  here.style.left = `${rate * 100}%`
  return el("div", "span", reach, here)
}

const tally = ({ color, symbol, text }) => el("span", `tally small ${color}`, icon(symbol), text)

const DRAWINGS = {
  interval: ({ low, rate, high }) => span(low, rate, high),
  facts: ({ rows }) => el("dl", "facts", rows.flatMap(([name, value]) => [el("dt", "", name), el("dd", "", value)])),
  tallies: ({ items }) => el("div", "tallies", items.map(tally)),
  checks: ({ items }) => el("div", "checks", items.map(({ color, symbol, text }) => el("span", `check ${color}`, icon(symbol), text))),
  rate: ({ label, rate_text: text, interval_text: between, n_text: n, low, rate, high, values, items }) => el("div", "rate",
    el("div", "line small muted", label, el("span", "stretch"), n),
    el("div", "line", el("span", `big${rate === null ? " muted" : ""}`, text), el("span", "small muted", between), values.length > 1 ? spark(values) : null),
    rate === null ? null : span(low, rate, high), items.length ? el("div", "tallies", items.map(tally)) : null),
  rates: ({ head, rows }) => el("table", "rates",
    el("thead", "", el("tr", "", head.map((name) => el("th", "", name)))),
    el("tbody", "", rows.map((r) => el("tr", "", el("td", "", r.name), el("td", "wide", r.rate === null ? null : span(r.low, r.rate, r.high)),
      el("td", "strong", r.rate_text), el("td", "muted", r.interval_text), el("td", "", r.n_text))))),
  lifecycle: ({ stops }) => el("div", "life", stops.map(({ state, color, symbol, label, date }) => {
    const stop = el("div", `stop ${state} ${color}`, icon(symbol), label, el("small", "", date))
    if (state === "here") stop.setAttribute("aria-current", "step")
    return stop
  })),
  phases: ({ run, looks }) => phaseBar({ looks }, run, []),
}

export default function (component) {
  const { data, parentElement } = component
  const root = parentElement.querySelector(".root")
  root.replaceChildren(DRAWINGS[data.kind](data))
}
