// All messages of one execution are one card; its deploys are one line each.

/** @typedef {{ key: string, make: (app: App, group: Group) => HTMLElement, messages: Entry[], at: string, run?: ExecutionJson }} Group */

const PHASE_NAMES = ["planning", "implementing", "testing", "refining", "deploying"]

/** @param {PhaseRun | ExecutionJson} run @param {string} name @returns {"done" | "now" | "failed" | "next"} */
function phaseState(run, name) {
  const known = run.phases[name]?.status
  const at = PHASE_NAMES.indexOf(run.phase ?? "")
  const here = PHASE_NAMES.indexOf(name)
  if (known === "failed" || (run.status === "failed" && here === at && known !== "completed")) return "failed"
  if (known === "completed" || run.status === "completed") return known || here <= at ? "done" : "next"
  if (here === at && run.live && run.status !== "pending") return "now"
  return here < at ? "done" : "next"
}

/** @param {{ looks: LooksData }} app @param {PhaseRun | ExecutionJson} run @param {Entry[]} messages */
function phaseBar(app, run, messages) {
  /** @type {Record<string, number | null>} */
  const progress = {}
  for (const message of messages) if (message.type === "claude_phase_update") progress[message.data.phase] = message.progress
  return el("div", "phases", PHASE_NAMES.map((name) => {
    const state = phaseState(run, name)
    const ended = state === "failed" && run.canceled ? app.looks.executions.canceled : null
    const its = ended ?? run.states?.[state] ?? app.looks.phase_states[state]
    const times = run.phases[name]
    const spent = times?.started_at && times?.completed_at ? clock(seconds(times.started_at, times.completed_at)) : ""
    const fill = state === "now" ? (progress[name] ?? run.progress ?? 0) / 100 : state === "next" ? 0 : 1
    const label = app.looks.phases[name].label
    const what = el("div", "what", icon(state === "next" ? app.looks.phases[name].symbol : its.symbol), el("span", "text", label), spent && el("span", "clock", spent))
    what.title = join(label, its.label, spent)
    return el("div", `phase ${state} ${its.color}`, bar(fill, its.color), what)
  }))
}

/** @param {string} symbol @param {string} color @param {string} text @param {string | null} [details] @param {string | null} [iso] @param {string} [mark] */
function step(symbol, color, text, details, iso, mark) {
  const when = mark ? el("span", "muted small", mark) : iso ? stamp(iso) : null
  if (when) when.className = "muted small"
  return el("div", `step ${color}`, icon(symbol), el("div", "say", text, details && el("div", "details", details)), when)
}

/** @param {EntryOf<"claude_failed">} message */
const failedIn = (message) => `Failed in ${message.data.phase ?? "the start"}`

/** @param {Entry[]} messages @param {ExecutionJson} run */
function steps(messages, run) {
  const list = []
  for (const message of messages) {
    if (message.type === "claude_checkpoint") list.push(step("check", "green", message.data.checkpoint, message.data.details, message.created_at))
    if (message.type === "claude_failed" && run.canceled) list.push(step("block", "gray", "Canceled", message.data.error, message.created_at))
    else if (message.type === "claude_failed") list.push(step("close", "red", message.data.will_retry ? `${failedIn(message)}, trying again` : failedIn(message), message.data.error, message.created_at))
    if (message.type === "deploy_building") list.push(step("check", "green", "Deploy building", null, message.created_at))
  }
  return list
}

/**
 * @template {keyof Payloads} T
 * @param {Entry[]} messages
 * @param {T} type
 * @param {(message: EntryOf<T>) => boolean} fits
 * @returns {EntryOf<T> | undefined}
 */
function lastOf(messages, type, fits = () => true) {
  return /** @type {EntryOf<T> | undefined} */ (/** @type {unknown} */ (messages.findLast((m) => m.type === type && fits(/** @type {EntryOf<T>} */ (/** @type {unknown} */ (m))))))
}

/** @param {ExecutionJson} run @param {Entry[]} messages */
function nowStep(run, messages) {
  if (!run.live) return null
  if (run.status === "pending") return step("hourglass_empty", "gray", "Waiting for a worker", null, null)
  const phase = lastOf(messages, "claude_phase_update", (m) => m.data.phase === run.phase && Boolean(m.data.current_task) && m.status !== "completed")
  return phase?.data.current_task ? step("progress_activity", "blue", phase.data.current_task, null, null, "now") : null
}

/** @param {App} app @param {ExecutionJson} run */
function facts(app, run) {
  const sent = run.feedback_count ? count(run.feedback_count, "correction") : ""
  const cost = `$${run.cost_usd.toFixed(2)}`
  const agent = run.agent_name
  const node = el("span", "muted small")
  const write = () => { node.textContent = join(agent, sent, run.started_at && duration(seconds(run.started_at, run.completed_at)), cost) }
  write()
  if (run.started_at && run.live) app.clocks.push([node, write])
  return node
}

/** @param {Entry[]} messages */
function ending(messages) {
  const done = lastOf(messages, "claude_completed")?.data
  const points = messages.filter((m) => m.type === "claude_checkpoint").length
  const changed = done?.files_changed.length
  const parts = [points && count(points, "checkpoint"), changed && count(changed, "file"), done?.commit_hash && `commit ${short(done.commit_hash)}`]
  return parts.filter(Boolean).join(", ") || "Details"
}

/** @param {App} app @param {Group} group */
function executionRow(app, group) {
  const { messages, run } = group
  if (!run) throw new Error("An execution's row needs its run.")
  const live = run.live
  const state = live && run.look ? run.look : run.canceled ? app.looks.executions.canceled : look(app.looks.executions, run.status)
  const list = steps(messages, run)
  const body = el("div", "card box", el("div", "head", el("span", "strong", `Execution ${run.number}`), badge(state), facts(app, run), el("span", "stretch"),
    live && el("span", "percent small", `${run.progress ?? 0}%`), link(app, "execution", run.id, live ? "Follow" : "Open")), phaseBar(app, run, messages))
  const failed = lastOf(messages, "claude_failed", (m) => !m.data.will_retry)
  const finished = lastOf(messages, "claude_completed")
  if (failed && !live) body.append(el("div", run.canceled ? "muted" : "problem", failed.data.error))
  if (finished && !finished.data.commit_hash && finished.content) body.append(el("div", "muted", finished.content))
  if (live) body.append(el("div", "steps", list, nowStep(run, messages)))
  else if (list.length) body.append(...folded(app, `run:${run.id}`, ending(messages), () => el("div", "steps", list)))
  return row(app, el("div", "lead", el("span", "face violet", icon(run.agent === "tuner" ? "tune" : "smart_toy"))), body, messages[0])
}

/** @param {App} app @param {string} name @param {string} label @param {() => Node} content */
function folded(app, name, label, content) {
  const place = el("div")
  const button = press(null, "fold", () => {
    if (app.opened.has(name)) app.opened.delete(name)
    else app.opened.add(name)
    show()
  }, icon("chevron_right"), label)
  const show = () => {
    const open = app.opened.has(name)
    button.setAttribute("aria-expanded", String(open))
    place.replaceChildren(...(open ? [content()] : []))
  }
  show()
  return [button, place]
}

/** @type {{ [T in keyof Payloads]?: string }} */
const DEPLOYS = { deploy_started: "queued", deploy_building: "building", deploy_success: "ready", deploy_failed: "error" }

/** @typedef {Payloads["deploy_started"] & Payloads["deploy_success"] & Payloads["deploy_failed"] & Payloads["deploy_retry"]} DeployData */

/** @param {App} app @param {Group} group */
function deployRow(app, group) {
  /** @type {Partial<DeployData>} */
  const data = Object.assign({}, ...group.messages.map((m) => m.data))
  const last = group.messages[group.messages.length - 1]
  if (last.type === "deploy_retry") {
    return row(app, el("div", "lead tone orange", icon("replay")), el("div", "say", el("div", "flow", el("span", "strong", "Deploying again"),
      el("span", "muted", join(data.retry_number && `retry ${data.retry_number} of ${data.max_retries}`, data.previous_error)))), last)
  }
  const state = DEPLOYS[last.type]
  const title = state === "ready" ? `Deployed${data.version ? ` v${data.version}` : ""}` : state === "error" ? "Deploy failed" : "Deploying"
  const note = state === "ready" ? join(data.duration_s !== undefined && `in ${duration(data.duration_s)}`, last.content !== title && last.content)
    : state === "error" ? join(data.error, data.will_retry && "trying again") : ""
  const body = el("div", "say", el("div", "flow", el("span", "strong", title), badge(look(app.looks.deploys, state)), data.commit_hash && el("span", "mono muted", short(data.commit_hash)), note && el("span", "muted small", note)))
  const logs = data.logs
  if (state === "error" && logs) body.append(...folded(app, `log:${last.id}`, "Deploy log", () => el("pre", "log mono", logs)))
  return row(app, el("div", `lead${state === "error" ? " tone red" : ""}`, icon("rocket_launch")), body, last)
}
