const SVG = "http://www.w3.org/2000/svg"

/**
 * A rise of a few points should not look like a leap: the scale spans at least 20 points.
 * @param {number[]} values
 */
function spark(values) {
  const [width, height, inset] = [96, 30, 4]
  /** @param {string} name @param {Record<string, string | number>} attributes */
  const make = (name, attributes) => {
    const node = document.createElementNS(SVG, name)
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value))
    return node
  }
  const middle = (Math.min(...values) + Math.max(...values)) / 2
  const span = Math.max(Math.max(...values) - Math.min(...values), 0.2)
  const points = values.map((value, i) => [
    inset + (i * (width - 2 * inset)) / Math.max(1, values.length - 1),
    height / 2 - ((value - middle) / span) * (height - 2 * inset),
  ])
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, class: "spark", "aria-hidden": "true" })
  const [x, y] = points[points.length - 1]
  svg.append(make("path", { d: points.map(([px, py], i) => `${i ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("") }))
  svg.append(make("circle", { cx: x, cy: y, r: 2.4 }))
  return svg
}
