// How states, times and numbers read: the same words as the rest of the app, handed over by the server as `looks`.
const DAY = 86400000
const two = (n) => String(n).padStart(2, "0")
const hour = (date) => `${date.getHours()}:${two(date.getMinutes())}`
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate())
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const WEEK = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

function dayName(date) {
  const now = new Date()
  const days = Math.round((midnight(now) - midnight(date)) / DAY)
  if (days === 0) return "Today"
  if (days === 1) return "Yesterday"
  const plain = `${date.getDate()} ${MONTHS[date.getMonth()]}`
  if (date.getFullYear() !== now.getFullYear()) return `${plain} ${date.getFullYear()}`
  return days > 1 && days < 7 ? `${WEEK[date.getDay()]} ${plain}` : plain
}

function duration(seconds) {
  const total = Math.max(0, Math.round(seconds))
  const pair = (big, unit, small, less) => `${big} ${unit}${small ? ` ${small} ${less}` : ""}`
  if (total >= 86400) return pair(Math.floor(total / 86400), "d", Math.floor((total % 86400) / 3600), "h")
  if (total >= 3600) return pair(Math.floor(total / 3600), "h", Math.floor((total % 3600) / 60), "min")
  if (total >= 60) return pair(Math.floor(total / 60), "min", total % 60, "s")
  return `${total} s`
}

function clock(seconds) {
  const total = Math.max(0, Math.round(seconds))
  const minutes = Math.floor(total / 60)
  return minutes < 60 ? `${minutes}:${two(total % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(total % 60)}`
}

const seconds = (from, to) => (new Date(to ?? Date.now()) - new Date(from)) / 1000
const count = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`
const percent = (rate) => `${Math.floor(100 * rate + 0.5)}%`
const short = (hash) => String(hash ?? "").slice(0, 7)
const join = (...parts) => parts.filter((p) => p !== null && p !== undefined && p !== false && p !== "").join(" · ")

// A rate's 95 % interval as the server sends it; messages of before it was sent have none.
const interval = (low, high) => (low === null || low === undefined ? "" : ` (${Math.floor(100 * low + 0.5)}–${percent(high)})`)

function candle(index, time) {
  const parts = index === null || index === undefined ? [] : [`#${index}`]
  if (time) {
    const at = new Date(time)
    const day = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`
    const midnightBar = at.getUTCHours() === 0 && at.getUTCMinutes() === 0
    parts.push(midnightBar ? day : `${day} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`)
  }
  return parts.join(" · ")
}

function initials(name) {
  const words = String(name ?? "").match(/[\p{L}\p{N}]+/gu) ?? []
  const letters = words.length > 1 ? words[0][0] + words[words.length - 1][0] : (words[0] ?? "?").slice(0, 2)
  return letters.toUpperCase()
}

function look(table, value) {
  const words = String(value ?? "unknown").replaceAll("_", " ")
  return table[value] ?? { color: "gray", symbol: "help", label: words.charAt(0).toUpperCase() + words.slice(1) }
}

function kindName(looks, kind, direction) {
  if (!kind) return ""
  if (kind === "swing") return { 1: "Swing high", "-1": "Swing low" }[direction] ?? "Swing"
  const name = looks.kinds[kind] ?? look({}, kind).label
  return name + ({ 1: " up", "-1": " down" }[direction] ?? "")
}
