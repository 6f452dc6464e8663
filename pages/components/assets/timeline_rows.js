// One row of the timeline from one entry. `app` carries what rows need: looks, viewer, act(name, value), opened, live.

/** @typedef {Components["timeline"]["setTriggerValue"]} Act */
/** @typedef {{ looks: LooksData, viewer: string, mayAsk?: boolean, workspace?: string, act: Act, opened: Set<string>, clocks: [HTMLElement, () => void][] }} App */

/** @param {AuthorJson | null} author */
const first = (author) => (author?.name ? String(author.name).split(/\s+/)[0] : null)

/** @param {string} iso */
function stamp(iso) {
  const at = new Date(iso)
  const node = el("time", "time", hour(at))
  node.dateTime = iso
  node.title = `${at.toLocaleString()} (${at.toISOString().slice(0, 16).replace("T", " ")} UTC)`
  return node
}

/** @param {App} app @param {string} kind @param {string | null | undefined} id @param {Part[]} text */
function link(app, kind, id, ...text) {
  return id ? press(null, "go", () => app.act("open", { kind, id }), ...text) : el("span", "", ...text)
}

/** @param {Entry} entry */
function face(entry) {
  if (entry.author_type === "claude") return el("span", "face violet", icon("smart_toy"))
  const name = entry.author?.name ?? "Someone"
  const image = entry.author?.image
  if (typeof image === "string" && (image.startsWith("/") || image.startsWith("data:image/"))) {
    const node = el("img", "face gray")
    node.src = image
    node.alt = name
    return node
  }
  const node = el("span", "face gray", initials(name))
  node.title = name
  return node
}

/** A message's time, as a link that opens the message in its context. @param {App} app @param {Entry} entry */
function placed(app, entry) {
  const time = stamp(entry.created_at)
  if (!app.workspace) return time
  const anchor = el("a", "at", time)
  anchor.href = new URL(`workspace?id=${app.workspace}&message=${entry.id}`, document.baseURI).href
  anchor.title = "Link to this message"
  anchor.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return
    event.preventDefault()
    app.act("show", entry.id)
  }
  return anchor
}

/** @param {App} app @param {Node} lead @param {Node} body @param {Entry} entry */
function row(app, lead, body, entry) {
  return el("div", "row", lead, body, placed(app, entry))
}

const TOKENS = /(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]])|(?<![\p{L}\p{N}#&/])#(\d{1,7})(?![\p{L}\p{N}])/gu

/** What people wrote, with addresses, #numbers and names of people as such. Addresses that the agent wrote are text: what
 * it read may have told it to write them. @param {App} app @param {string | null} text @param {string[]} names @param {boolean} [addresses] @returns {Part[]} */
function rich(app, text, names = [], addresses = true) {
  const words = text ?? ""
  /** @type {Part[]} */
  const parts = []
  let at = 0
  for (const match of words.matchAll(TOKENS)) {
    parts.push(...named(words.slice(at, match.index), names))
    at = match.index + match[0].length
    if (match[1] && !addresses) parts.push(match[1])
    else if (match[1]) {
      const anchor = el("a", "out", match[1])
      anchor.href = match[1]
      anchor.target = "_blank"
      anchor.rel = "noopener noreferrer nofollow"
      parts.push(anchor)
    } else parts.push(press(null, "go", () => app.act("number", Number(match[2])), match[0]))
  }
  return [...parts, ...named(words.slice(at), names)]
}

/** @param {string} text @param {string[]} names @returns {Part[]} */
function named(text, names) {
  const escaped = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).sort((a, b) => b.length - a.length)
  if (!escaped.length) return [text]
  return text.split(new RegExp(`(@(?:${escaped.join("|")}))`, "giu")).map((part, k) => (k % 2 ? el("span", "mention", part) : part))
}

/** @param {Entry} entry */
function files(entry) {
  const shown = entry.attachments.map((file) => {
    if (typeof file === "string") return el("span", "doc", icon("attach_file")) // a live entry: its links come with the next refresh
    const url = file.url
    if (!url.startsWith("/") || url.startsWith("//")) return el("span", "doc", icon("attach_file"), file.name)
    const anchor = el("a", file.kind === "image" ? "" : "doc")
    anchor.href = url
    anchor.target = "_blank"
    anchor.rel = "noopener"
    if (file.kind === "image") {
      const image = el("img")
      image.src = url
      image.alt = file.name
      image.loading = "lazy"
      anchor.append(image)
    } else anchor.append(icon(file.kind === "video" ? "movie" : "attach_file"), file.name)
    return anchor
  })
  return shown.length ? el("div", "files", shown) : null
}

/** @param {App} app @param {Entry} entry */
function tools(app, entry) {
  const own = entry.type === "comment" && entry.author?.id === app.viewer && app.viewer && !entry.deleted_at
  if (!own) return null
  return el("span", "tools",
    press("Edit comment", "", () => app.act("edit", entry.id), icon("edit")),
    press("Delete comment", "", () => app.act("delete", entry.id), icon("delete")))
}

/** @param {App} app @param {Entry} entry @param {Part[]} body */
function person(app, entry, ...body) {
  const name = entry.author_type === "claude" ? el("span", "", "Claude", entry.type === "claude_answer" && el("span", "muted small", ` to ${entry.data.asked_by}`)) : (entry.author?.name ?? "Someone")
  return row(app, el("div", "lead", face(entry)),
    el("div", "say", el("div", "who", name, entry.edited_at && !entry.deleted_at && el("span", "muted small", "edited"), tools(app, entry)), ...body),
    entry)
}

/** @param {App} app @param {EntryOf<"comment">} entry */
function commentRow(app, entry) {
  if (entry.deleted_at) return person(app, entry, el("div", "muted", "Comment deleted"))
  return person(app, entry, el("div", "said", ...rich(app, entry.content, [...(entry.data.mentions ?? []).map(({ name }) => name), "Claude"])), files(entry))
}

/** Dollars as people read them; what is less than a cent is no zero. @param {number} usd */
const dollars = (usd) => (usd < 0.01 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`)

/** An answer of the agent: its text as it comes, then what it cost; or why there is none, and a way to ask again. @param {App} app @param {EntryOf<"claude_answer">} entry */
function answerRow(app, entry) {
  const { data, status } = entry
  const over = status === "completed" || status === "failed"
  const said = entry.content && el("div", "said", ...rich(app, entry.content, [], false))
  const cost = data.cost_usd === undefined ? null : dollars(data.cost_usd)
  const tokens = data.input_tokens === undefined ? null : `${data.input_tokens.toLocaleString("en")} tokens in, ${(data.output_tokens ?? 0).toLocaleString("en")} out`
  const foot = join(cost, tokens, data.model, data.version && `about v${data.version}`)
  const doing = over ? null : el("div", "muted small doing", icon(status === "pending" ? "hourglass_empty" : "more_horiz"), data.doing ?? "Thinking")
  const again = status === "failed" && app.mayAsk && press(null, "go small", () => app.act("again", entry.id), "Ask again")
  return person(app, entry, said, doing, data.error && el("div", "problem", data.error), again, over && foot && el("div", "muted small", foot))
}

/** The heading of a correction: verdict, kind, candle, price, state. @param {App} app @param {EntryOf<"feedback_added">} entry */
function correctionHead(app, entry) {
  const { data, feedback: item } = entry
  const verdict = look(app.looks.verdicts, item?.verdict ?? data.verdict)
  const place = candle(item?.candle_index ?? data.candle_index, item?.candle_time ?? data.candle_time)
  const price = item?.price
  const state = item?.execution_number ? `in execution ${item.execution_number}` : (item?.state && item.state !== "open" ? look(app.looks.states, item.state).label : "")
  return el("div", "head", badge(verdict), el("span", "strong", kindName(app.looks, item?.kind, item?.direction)),
    place && link(app, "feedback", item?.id ?? data.feedback_id, el("span", "mono", place)),
    price !== null && price !== undefined && el("span", "muted small", price.toFixed(Math.abs(price) >= 10 ? 2 : 5)),
    el("span", "stretch"), el("span", "muted small", state))
}

/** @param {App} app @param {EntryOf<"feedback_added">} entry */
function feedbackRow(app, entry) {
  const verdict = look(app.looks.verdicts, entry.feedback?.verdict ?? entry.data.verdict)
  return person(app, entry, el("div", `card box edge ${verdict.color}`, correctionHead(app, entry),
    entry.content && el("div", "said", ...rich(app, entry.content)), files(entry)))
}

/** @param {App} app @param {EntryOf<"pattern_description_submitted">} entry */
function describedRow(app, entry) {
  const steps = entry.data.identification_steps ?? []
  const list = steps.length ? el("ol", "howto", steps.map((step) => el("li", "", step))) : null
  return person(app, entry, el("div", "card box", el("div", "head", el("span", "strong", "Pattern described")),
    el("div", "said", entry.data.description ?? entry.content),
    entry.data.description && entry.content && el("div", "said muted", entry.content), list, files(entry)))
}

// [symbol, colour or "", bold text, muted text, what people wrote]
/** @typedef {[symbol: string, color: string, bold: string, muted?: string | false | null, said?: string | null]} Line */

/** @type {{ [T in keyof Payloads]?: (entry: EntryOf<T>, app: App) => Line }} */
const LINES = {
  pattern_created: (e) => ["add_circle", "", "Workspace created", join(first(e.author) && `by ${first(e.author)}`, e.data.category)],
  session_created: (e) => ["candlestick_chart", "", "Session started", join(e.data.symbol, e.data.timeframe, count(e.data.candle_count, "candle"))],
  feedback_batch_sent: (e) => ["send", "", `${count(e.data.feedback_count, "correction")} sent`,
    join(first(e.author) && `by ${first(e.author)}`, e.data.session_ids.length ? count(e.data.session_ids.length, "session") : null, e.data.total_images ? count(e.data.total_images, "image") : null), ""],
  user_approved: (e) => ["thumb_up", "violet", "Approved for review", first(e.author) && `by ${first(e.author)}`, e.data.comment],
  admin_verified: (e) => ["verified", "green", "Verified", first(e.author) && `by ${first(e.author)}`, e.data.comment],
  review_returned: (e) => ["undo", "orange", "Returned to beta", first(e.author) && `by ${first(e.author)}`, e.data.reason],
  approval_voided: (e) => ["warning", "orange", "Approval voided", "the evidence changed", e.data.reason],
  session_reopened: (e) => ["lock_open", "orange", "Session opened again", join(e.session?.name, first(e.author) && `by ${first(e.author)}`), e.data.reason],
  gate_waived: (e) => ["gpp_maybe", "orange", "Gate waived", first(e.author) && `by ${first(e.author)}`, e.data.reason],
  version_updated: (e) => ["new_releases", "", `Version ${e.data.previous_version} → ${e.data.new_version}`, e.data.changes.join(", ")],
  version_rolled_back: (e) => ["history", "orange", `Rolled back to v${e.data.new_version}`, join(`was v${e.data.previous_version}`, first(e.author) && `by ${first(e.author)}`), e.data.reason],
  mark_disputed: (e) => ["gavel", "orange", "Mark disputed", join(candle(e.data.candle_index, e.data.candle_time), first(e.author) && `by ${first(e.author)}`)],
  status_changed: (e, app) => ["swap_horiz", "", `Status: ${look(app.looks.statuses, e.data.new_status).label}`, e.data.previous_status && `was ${look(app.looks.statuses, e.data.previous_status).label.toLowerCase()}`, e.data.reason],
}

/** A rate is never shown without its interval. @param {EntryOf<"session_completed">["data"]} data */
function scoreText({ tp, fp, fn, success_rate: rate, ci_low: low, ci_high: high }) {
  const n = tp + fp + fn
  if (rate === undefined || !n) return "nothing judged"
  return low === undefined || high === undefined ? `n ${n}` : `${percent(rate)} (${Math.floor(100 * low + 0.5)}–${percent(high)}), n ${n}`
}

/** @param {App} app @param {EntryOf<"session_completed">} entry */
function sessionDone(app, entry) {
  const { tp, fp, fn, marked } = entry.data
  const said = marked === undefined ? ` · ${tp} right, ${fp} wrong, ${fn} missed ` : ` · ${marked} ${marked === 1 ? "place" : "places"} marked `
  const score = marked === undefined ? scoreText(entry.data) : "without a detector"
  return row(app, el("div", "lead", icon("task_alt")),
    el("div", "flow", el("span", "", link(app, "session", entry.session?.id ?? entry.data.session_id, "Session completed"), said, el("span", "muted", `· ${score}`))), entry)
}

/** @param {App} app @param {Entry} entry */
function lineRow(app, entry) {
  if (entry.type === "session_completed") return sessionDone(app, entry)
  const make = /** @type {((entry: Entry, app: App) => Line) | undefined} */ (LINES[entry.type])
  const [symbol, color, bold, muted, said] = make ? make(entry, app) : /** @type {Line} */ (["info", "", entry.title ?? look({}, entry.type).label])
  const words = said ?? (entry.content && entry.content !== bold && (!make || entry.author_type === "user") ? entry.content : null)
  const name = entry.type === "session_created" ? link(app, "session", entry.session?.id ?? entry.data.session_id, entry.session?.name ?? entry.data.name) : null
  const quiet = muted ? el("span", "muted", muted) : null
  if (quiet && entry.author?.name) quiet.title = entry.author.name
  return row(app, el("div", `lead ${color ? `tone ${color}` : ""}`, icon(symbol)),
    el("div", "say", el("div", "flow", el("span", "strong", bold), name, quiet), words && el("div", "quote said", ...rich(app, words)), files(entry)), entry)
}
