// How states, times and numbers read: the same words as the rest of the app, handed over by the server as `looks`.
const DAY = 86400000
/** @param {number} n */
const two = (n) => String(n).padStart(2, "0")
/** @param {Date} date */
const hour = (date) => `${date.getHours()}:${two(date.getMinutes())}`
/** @param {Date} date */
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate())
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const WEEK = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

/** @param {Date} date */
function dayName(date) {
  const now = new Date()
  const days = Math.round((midnight(now).getTime() - midnight(date).getTime()) / DAY)
  if (days === 0) return "Today"
  if (days === 1) return "Yesterday"
  const plain = `${date.getDate()} ${MONTHS[date.getMonth()]}`
  if (date.getFullYear() !== now.getFullYear()) return `${plain} ${date.getFullYear()}`
  return days > 1 && days < 7 ? `${WEEK[date.getDay()]} ${plain}` : plain
}

/** @param {number} seconds */
function duration(seconds) {
  const total = Math.max(0, Math.round(seconds))
  /** @param {number} big @param {string} unit @param {number} small @param {string} less */
  const pair = (big, unit, small, less) => `${big} ${unit}${small ? ` ${small} ${less}` : ""}`
  if (total >= 86400) return pair(Math.floor(total / 86400), "d", Math.floor((total % 86400) / 3600), "h")
  if (total >= 3600) return pair(Math.floor(total / 3600), "h", Math.floor((total % 3600) / 60), "min")
  if (total >= 60) return pair(Math.floor(total / 60), "min", total % 60, "s")
  return `${total} s`
}

/** @param {number} seconds */
function clock(seconds) {
  const total = Math.max(0, Math.round(seconds))
  const minutes = Math.floor(total / 60)
  return minutes < 60 ? `${minutes}:${two(total % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(total % 60)}`
}

/** @param {string} from @param {string | null} [to] */
const seconds = (from, to) => (new Date(to ?? Date.now()).getTime() - new Date(from).getTime()) / 1000
/** @param {number} n @param {string} one */
const count = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`
/** @param {number} rate */
const percent = (rate) => `${Math.floor(100 * rate + 0.5)}%`
/** @param {string | null | undefined} hash */
const short = (hash) => String(hash ?? "").slice(0, 7)
/** @param {(string | number | false | null | undefined)[]} parts */
const join = (...parts) => parts.filter((p) => p !== null && p !== undefined && p !== false && p !== "").join(" · ")

/** @param {number | null | undefined} index @param {string | null | undefined} time */
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

/** @param {string | null} name */
function initials(name) {
  const words = String(name ?? "").match(/[\p{L}\p{N}]+/gu) ?? []
  const last = words[words.length - 1] ?? ""
  const letters = words.length > 1 ? (words[0] ?? "")[0] + last[0] : (words[0] ?? "?").slice(0, 2)
  return letters.toUpperCase()
}

/** @param {Record<string, LookJson>} table @param {string | null | undefined} value @returns {LookJson} */
function look(table, value) {
  const words = String(value ?? "unknown").replaceAll("_", " ")
  return table[value ?? ""] ?? { color: "gray", symbol: "help", label: words.charAt(0).toUpperCase() + words.slice(1) }
}

/** @param {LooksData} looks @param {string | null | undefined} kind @param {number | null | undefined} direction */
function kindName(looks, kind, direction) {
  if (!kind) return ""
  if (kind === "swing") return direction === 1 ? "Swing high" : direction === -1 ? "Swing low" : "Swing"
  const name = looks.kinds[kind] ?? look({}, kind).label
  return name + (direction === 1 ? " up" : direction === -1 ? " down" : "")
}
