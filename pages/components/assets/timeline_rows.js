// One row of the timeline from one entry. `app` carries what rows need: looks, viewer, act(name, value), opened, live.
const first = (author) => (author?.name ? String(author.name).split(/\s+/)[0] : null)

function stamp(iso) {
  const at = new Date(iso)
  const node = el("time", "time", hour(at))
  node.dateTime = iso
  node.title = at.toLocaleString()
  return node
}

function link(app, kind, id, ...text) {
  return id ? press(null, "go", () => app.act("open", { kind, id }), ...text) : el("span", "", ...text)
}

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

function row(lead, body, iso) {
  return el("div", "row", lead, body, iso ? stamp(iso) : null)
}

function files(entry) {
  const shown = (entry.attachments ?? []).map((file) => {
    const url = String(file.url ?? "")
    if (!url.startsWith("/") || url.startsWith("//")) return el("span", "doc", icon("attach_file"), file.name)
    const anchor = el("a", file.kind === "image" ? "" : "doc")
    anchor.href = url
    anchor.target = "_blank"
    anchor.rel = "noopener"
    if (file.kind === "image") {
      const image = el("img")
      image.src = url
      image.alt = file.name ?? "Attached image"
      image.loading = "lazy"
      anchor.append(image)
    } else anchor.append(icon(file.kind === "video" ? "movie" : "attach_file"), file.name ?? "File")
    return anchor
  })
  return shown.length ? el("div", "files", shown) : null
}

function tools(app, entry) {
  const own = entry.type === "comment" && entry.author?.id === app.viewer && app.viewer && !entry.deleted_at
  if (!own) return null
  return el("span", "tools",
    press("Edit comment", "", () => app.act("edit", entry.id), icon("edit")),
    press("Delete comment", "", () => app.act("delete", entry.id), icon("delete")))
}

function person(app, entry, ...body) {
  const name = entry.author_type === "claude" ? "Claude" : (entry.author?.name ?? "Someone")
  return row(el("div", "lead", face(entry)),
    el("div", "say", el("div", "who", name, entry.edited_at && !entry.deleted_at && el("span", "muted small", "edited"), tools(app, entry)), ...body),
    entry.created_at)
}

function commentRow(app, entry) {
  if (entry.deleted_at) return person(app, entry, el("div", "muted", "Comment deleted"))
  return person(app, entry, el("div", "said", entry.content), files(entry))
}

function feedbackRow(app, entry) {
  const item = entry.feedback ?? { ...entry.data, id: entry.data?.feedback_id }
  const verdict = look(app.looks.verdicts, item.verdict ?? entry.data?.verdict)
  const place = candle(item.candle_index ?? entry.data?.candle_index, item.candle_time ?? entry.data?.candle_time)
  const state = item.execution_number ? `in execution ${item.execution_number}` : (item.state && item.state !== "open" ? look(app.looks.states, item.state).label : "")
  const head = el("div", "head", badge(verdict), el("span", "strong", kindName(app.looks, item.kind, item.direction)),
    place && link(app, "feedback", item.id, el("span", "mono", place)),
    item.price !== null && item.price !== undefined && el("span", "muted small", Number(item.price).toFixed(Math.abs(item.price) >= 10 ? 2 : 5)),
    el("span", "stretch"), el("span", "muted small", state))
  return person(app, entry, el("div", `card box edge ${verdict.color}`, head, entry.content && el("div", "said", entry.content), files(entry)))
}

function describedRow(app, entry) {
  const steps = entry.data?.identification_steps ?? []
  const list = steps.length ? el("ol", "howto", steps.map((step) => el("li", "", step))) : null
  return person(app, entry, el("div", "card box", el("div", "head", el("span", "strong", "Pattern described")),
    el("div", "said", entry.data?.description ?? entry.content),
    entry.data?.description && entry.content && el("div", "said muted", entry.content), list, files(entry)))
}

// [symbol, colour or "", bold text, muted text, what people wrote]
const LINES = {
  pattern_created: (e) => ["add_circle", "", "Workspace created", join(first(e.author) && `by ${first(e.author)}`, e.data.category)],
  session_created: (e) => ["candlestick_chart", "", "Session started", join(e.data.symbol, e.data.timeframe, e.data.candle_count && count(e.data.candle_count, "candle"))],
  feedback_batch_sent: (e) => ["send", "", `${count(e.data.feedback_count ?? 0, "correction")} sent`,
    join(first(e.author) && `by ${first(e.author)}`, (e.data.session_ids ?? []).length ? count(e.data.session_ids.length, "session") : null, e.data.total_images ? count(e.data.total_images, "image") : null), ""],
  user_approved: (e) => ["thumb_up", "violet", "Approved for review", first(e.author) && `by ${first(e.author)}`, e.data.comment],
  admin_verified: (e) => ["verified", "green", "Verified", first(e.author) && `by ${first(e.author)}`, e.data.comment],
  review_returned: (e) => ["undo", "orange", "Returned to beta", first(e.author) && `by ${first(e.author)}`, e.data.reason],
  approval_voided: (e) => ["warning", "orange", "Approval voided", "the evidence changed", e.data.reason],
  gate_waived: (e) => ["gpp_maybe", "orange", "Gate waived", first(e.author) && `by ${first(e.author)}`, e.data.reason],
  version_updated: (e) => ["new_releases", "", `Version ${join(e.data.previous_version && `${e.data.previous_version} → ${e.data.new_version}`) || e.data.new_version}`, typeof e.data.changes === "string" ? e.data.changes : (e.data.changes ?? []).join?.(", ")],
  version_rolled_back: (e) => ["history", "orange", `Rolled back${e.data.new_version ?? e.data.version ? ` to v${e.data.new_version ?? e.data.version}` : ""}`, first(e.author) && `by ${first(e.author)}`, e.data.reason],
  mark_disputed: (e) => ["gavel", "orange", "Mark disputed", first(e.author) && `by ${first(e.author)}`, e.data.reason],
  status_changed: (e, app) => ["swap_horiz", "", `Status: ${look(app.looks.statuses, e.data.new_status).label}`, e.data.previous_status && `was ${look(app.looks.statuses, e.data.previous_status).label.toLowerCase()}`, e.data.reason],
}

function sessionDone(app, entry) {
  const { tp = 0, fp = 0, fn = 0, success_rate: rate, ci_low: low, ci_high: high } = entry.data
  const n = tp + fp + fn
  const score = rate === null || rate === undefined || !n ? "nothing judged" : `${percent(rate)}${interval(low, high)}, n ${n}`
  return row(el("div", "lead", icon("task_alt")),
    el("div", "flow", el("span", "", link(app, "session", entry.session?.id ?? entry.data.session_id, "Session completed"), ` · ${tp} right, ${fp} wrong, ${fn} missed `, el("span", "muted", `· ${score}`))), entry.created_at)
}

function lineRow(app, entry) {
  if (entry.type === "session_completed") return sessionDone(app, entry)
  const make = LINES[entry.type]
  const [symbol, color, bold, muted, said] = make ? make(entry, app) : ["info", "", entry.title ?? look({}, entry.type).label, null]
  const words = said ?? (entry.content && entry.content !== bold && (!make || entry.author_type === "user") ? entry.content : null)
  const name = entry.type === "session_created" ? link(app, "session", entry.session?.id ?? entry.data.session_id, entry.session?.name ?? entry.data.name) : null
  const quiet = muted ? el("span", "muted", muted) : null
  if (quiet && entry.author?.name) quiet.title = entry.author.name
  return row(el("div", `lead ${color ? `tone ${color}` : ""}`, icon(symbol)),
    el("div", "say", el("div", "flow", el("span", "strong", bold), name, quiet), words && el("div", "quote said", words), files(entry)), entry.created_at)
}
