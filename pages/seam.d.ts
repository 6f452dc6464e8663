// Made from the Python types by `python -m tools.seam`; a test fails when it is not current. Don't edit it by hand.

interface EntryBase {
  id: string
  seq: number
  created_at: string
  author: AuthorJson | null
  author_type: "user" | "system" | "claude"
  title: string | null
  content: string | null
  attachments: string[] | AttachmentJson[]
  session: SessionJson | null
  feedback: FeedbackJson | null
  execution: ExecutionJson | null
  status: string | null
  progress: number | null
  edited_at: string | null
  deleted_at: string | null
}

interface AuthorJson {
  id: string
  name: string | null
  image: string | null
}

interface AttachmentJson {
  name: string
  kind: string
  url: string
}

interface SessionJson {
  id: string
  name: string
}

interface FeedbackJson {
  id: string
  verdict: string
  state: string
  kind: string | null
  direction: number | null
  candle_index: number | null
  candle_time: string | null
  price: number | null
  execution_number: number | null
}

interface ExecutionJson {
  status: string
  phase: string | null
  progress: number | null
  canceled: boolean
  live: boolean
  phases: Record<string, PhaseJson>
  states?: Record<string, LookJson>
  id: string
  number: number
  agent: string | null
  agent_name: string | null
  cost_usd: number
  feedback_count: number
  started_at: string | null
  completed_at: string | null
  look?: LookJson
}

interface PhaseJson {
  status?: string
  started_at?: string | null
  completed_at?: string | null
}

interface LookJson {
  color: string
  symbol: string
  label: string
}

interface PatternCreated {
  category: string
}

interface PatternDescriptionSubmitted {
  description: string
  identification_steps: string[]
}

interface SessionCreated {
  session_id: string
  name: string
  symbol: string
  timeframe: string
  candle_count: number
}

interface SessionCompleted {
  session_id: string
  tp: number
  fp: number
  fn: number
  success_rate?: number
  ci_low?: number
  ci_high?: number
  marked?: number
}

interface SessionReopened {
  reason: string
}

interface FeedbackAdded {
  feedback_id: string
  verdict: string
  candle_index?: number
  candle_time?: string
}

interface FeedbackBatchSent {
  session_ids: string[]
  feedback_count: number
  total_images: number
}

interface ClaudeStarted {
  execution_id: string
}

interface ClaudePhaseUpdate {
  execution_id: string
  phase: string
  current_task?: string
}

interface ClaudeCheckpoint {
  execution_id: string
  checkpoint: string
  details?: string
}

interface ClaudeCompleted {
  execution_id: string
  files_changed: string[]
  commit_hash?: string
}

interface ClaudeFailed {
  execution_id: string
  error: string
  phase?: string
  will_retry: boolean
}

interface DeployStarted {
  execution_id: string
  commit_hash: string
}

interface DeployBuilding {
  execution_id: string
}

interface DeploySuccess {
  execution_id: string
  version: string
  duration_s: number
}

interface DeployFailed {
  execution_id: string
  error: string
  logs: string
  will_retry: boolean
}

interface DeployRetry {
  execution_id: string
  retry_number: number
  max_retries: number
  previous_error: string
}

interface Approval {
  comment?: string
}

interface VersionUpdated {
  previous_version: string
  new_version: string
  changes: string[]
}

interface StatusChanged {
  previous_status: string
  new_status: string
  reason?: string
}

interface Comment {
  mentions?: Mentioned[]
}

interface Mentioned {
  name: string
}

interface ReviewReturned {
  reason: string
}

interface ApprovalVoided {
  reason: string
}

interface GateWaived {
  reason: string
}

interface VersionRolledBack {
  previous_version: string
  new_version: string
  reason: string
}

interface MarkDisputed {
  candle_index?: number
  candle_time?: string
}

interface ClaudeAnswer {
  asked_by: string
  doing?: string
  error?: string
  version?: string
  model?: string
  cost_usd?: number
  input_tokens?: number
  output_tokens?: number
}

interface BoardData {
  session: string
  person: string
  token: string
  sha: string
  total: number
  totals: Record<string, number>
  decimals: number
  start: number
  end: number
  marks: number
  page: number
  symbol: string
  timeframe: string
  intraday: boolean
  may_judge: boolean
  why_not: string
  missed_kind: string
  labelling: boolean
  current: string | null
}

interface CandlesData {
  token: string
  sha: string
  total: number
  totals: Record<string, number>
  decimals: number
  symbol: string
  timeframe: string
  intraday: boolean
  may_run: boolean
  at: number | null
  asked: number
}

interface CommandsData {
  page: string
  menu: string
  token: string
  narrow: boolean
  screens: ScreenData[]
}

interface ScreenData {
  title: string
  symbol: string
  note: string
  link: string
}

interface FactsData {
  kind: "facts"
  rows: ([string, string])[]
}

interface ChecksData {
  kind: "checks"
  items: ItemData[]
}

interface ItemData {
  color: string
  symbol: string
  text: string
}

interface RateData {
  rate: number | null
  low: number | null
  high: number | null
  rate_text: string
  interval_text: string
  n_text: string
  kind: "rate"
  label: string
  values: number[]
  items: ItemData[]
}

interface RatesData {
  kind: "rates"
  head: string[]
  rows: RateRow[]
}

interface RateRow {
  rate: number | null
  low: number | null
  high: number | null
  rate_text: string
  interval_text: string
  n_text: string
  name: string
}

interface LifecycleData {
  kind: "lifecycle"
  stops: StopData[]
}

interface StopData {
  state: "passed" | "here" | "ahead"
  symbol: string
  color: string
  label: string
  date: string
}

interface PhaseBarData {
  kind: "phases"
  run: PhaseRun
  looks: LooksData
}

interface PhaseRun {
  status: string
  phase: string | null
  progress: number | null
  canceled: boolean
  live: boolean
  phases: Record<string, PhaseJson>
  states?: Record<string, LookJson>
}

interface LooksData {
  statuses: Record<string, LookJson>
  verdicts: Record<string, LookJson>
  states: Record<string, LookJson>
  executions: Record<string, LookJson>
  phases: Record<string, LookJson>
  phase_states: Record<string, LookJson>
  deploys: Record<string, LookJson>
  kinds: Record<string, string>
}

interface CheckpointsData {
  kind: "checkpoints"
  groups: PointGroup[]
}

interface PointGroup {
  title: string
  items: Point[]
}

interface Point {
  color: string
  symbol: string
  text: string
  details: string | null
  time: string
  title?: string
}

interface TableData {
  kind: "table"
  head: Cell[]
  rows: Cell[][]
  label: string
  numbers?: number[]
  chosen?: number
}

interface Cell {
  t: string
  icon?: string
  color?: string
  badge?: string
  mono?: boolean
  muted?: boolean
  right?: boolean
  long?: boolean
  title?: string | null
  since?: string
}

interface MeterData {
  kind: "meter"
  label: string
  value: string
  fraction: number
  color: string
}

interface NamedCellsData {
  kind: "facts"
  rows: ([string, Cell])[]
  beside: boolean
}

interface DiffData {
  kind: "diff"
  files: DiffFile[]
}

interface DiffFile {
  path: string
  note: string
  added: number
  removed: number
  lines: ([string, string])[]
  tests: boolean
}

interface TextData {
  kind: "text"
  text: string
  label: string
  follow: boolean
  wrap: boolean
  height: string
}

interface RunsData {
  kind: "runs"
  runs: RunCard[]
  looks: LooksData
}

interface RunCard {
  id: string
  name: string
  number: number
  look: LookJson
  facts: Ticking
  remark: Ticking | null
  percent: string
  phases: PhaseRun
}

interface Ticking {
  before: string
  since: string | null
  until: string | null
  after: string
}

interface DoingData {
  kind: "doing"
  task: string
  percent: string
  figures: Ticking
  notices: TickingNotice[]
}

interface TickingNotice {
  color: string
  symbol: string
  text: Ticking
}

interface LineData {
  kind: "line"
  text: Ticking
}

interface FollowData {
  url: string
  seen: number
  running: boolean
}

interface PatternListData {
  groups: PatternGroup[]
  selected: string
  none: string
}

interface PatternGroup {
  name: string
  items: PatternItem[]
}

interface PatternItem {
  id: string
  name: string
  symbol: string
  color: string
  rate: string
  unread: string
  spoken: string
}

interface QueueData {
  kind: "queue"
  cards: QueueCard[]
  selected: string
}

interface QueueCard {
  id: string
  name: string
  version: string
  by: string
  when: string
  badges: BadgeData[]
  spoken: string
}

interface BadgeData {
  color: string
  symbol?: string | null
  text: string
}

interface SessionsData {
  kind: "sessions"
  head: string[]
  rows: SessionLine[]
  more: string
}

interface SessionLine {
  id: string
  name: string
  reviewer: string
  counts: string
  rate: string
}

interface BadgesData {
  kind: "badges"
  items: BadgeData[]
}

interface ChangeData {
  kind: "change"
  files: ChangedFileData[]
}

interface ChangedFileData {
  path: string
  added: string
  removed: string
  lines: ([string, string])[]
}

interface RowsData {
  cards: RowCard[]
  label: string
  ticked: number[] | null
}

interface RowCard {
  title: string
  badges: RowBadge[]
  facts: ([string, string])[]
}

interface RowBadge {
  color: string
  label: string
}

interface TimelineData {
  workspace: string
  focus: string | null
  can_load_newer: boolean
  read_to: number | null
  marked: number | null
  entries: Entry[]
  live_url: string | null
  can_load_older: boolean
  viewer: string
  may_ask: boolean
  scope: string
  kinds: string[] | null
  last_seq: number | null
  empty: EmptyData
  height: string
  looks: LooksData
}

interface EmptyData {
  title: string
  text: string
}

interface TrailData {
  steps: StepData[]
  copies: CopyData[]
}

interface StepData {
  text: string
  link: string | null
}

interface CopyData {
  name: string
  text: string
  shown: string
}

interface GridData {
  cards: CardData[]
}

interface CardData {
  id: string
  name: string
  status: LookJson
  subtitle: string
  rate: string
  tested_yet: boolean
  evidence: string
  unseen: string
  spark: number[]
  sessions: string
  open: string
  tested: string
  live: LiveData | null
}

interface LiveData {
  look: LookJson
  label: string
  progress: number | null
}

interface WritingData {
  people: string[]
  draft: string
}

interface StateJson {
  status: string
  position: number
  letters: string
  others: OtherJson[]
  blind: boolean
  missed: MissedJson[]
  history: DoneJson[]
  reasons: string[]
}

interface OtherJson {
  name: string
  letters: string
}

interface MissedJson {
  id: string
  kind: string
  direction: number
  index: number
  own: boolean
}

interface DoneJson {
  id: string
  mark: string | null
  letter: string
  before: string
  missed: string | null
}

interface AnswerJson {
  results: ResultJson[]
  position: number
  state: StateJson | null
}

interface ResultJson {
  id: string
  result: "done" | "refused" | "conflict" | "gap"
  sentence: string | null
  expected: number | null
  letter: string | null
  item: string | null
}

interface FileJson {
  key: string
  name: string
}

interface FoundJson {
  results: FoundItem[]
}

interface FoundItem {
  kind: string
  label: string
  note: string
  link: string
}

interface Payloads {
  pattern_created: PatternCreated
  pattern_description_submitted: PatternDescriptionSubmitted
  session_created: SessionCreated
  session_completed: SessionCompleted
  session_reopened: SessionReopened
  feedback_added: FeedbackAdded
  feedback_batch_sent: FeedbackBatchSent
  claude_started: ClaudeStarted
  claude_phase_update: ClaudePhaseUpdate
  claude_checkpoint: ClaudeCheckpoint
  claude_completed: ClaudeCompleted
  claude_failed: ClaudeFailed
  deploy_started: DeployStarted
  deploy_building: DeployBuilding
  deploy_success: DeploySuccess
  deploy_failed: DeployFailed
  deploy_retry: DeployRetry
  user_approved: Approval
  admin_verified: Approval
  version_updated: VersionUpdated
  status_changed: StatusChanged
  comment: Comment
  review_returned: ReviewReturned
  approval_voided: ApprovalVoided
  gate_waived: GateWaived
  version_rolled_back: VersionRolledBack
  mark_disputed: MarkDisputed
  claude_answer: ClaudeAnswer
}

interface Components {
  board: Mounted<BoardData, "renew" | "settled">
  candles: Mounted<CandlesData, "renew" | "start">
  commands: Mounted<CommandsData, "open" | "renew" | "width">
  drawn: Mounted<FactsData | ChecksData | RateData | RatesData | LifecycleData, never>
  execution: Mounted<PhaseBarData | CheckpointsData | TableData | MeterData | NamedCellsData | DiffData | TextData | RunsData | DoingData | LineData, "open">
  follow: Mounted<FollowData, "refresh" | "renew">
  pattern_list: Mounted<PatternListData, "open">
  review: Mounted<QueueData | SessionsData | BadgesData | ChangeData, "open">
  rows: Mounted<RowsData, "open" | "tick">
  timeline: Mounted<TimelineData, "open" | "number" | "show" | "edit" | "delete" | "again" | "older" | "newer" | "newest" | "renew" | "read" | "refresh">
  trail: Mounted<TrailData, "open">
  workspace_grid: Mounted<GridData, "open">
  writing: Mounted<WritingData, never>
}

interface Answers {
  "board/state": StateJson
  "board/judgements": AnswerJson
  "board/files": FileJson
  "find": FoundJson
}

/** A component as Streamlit mounts it: its data, the root it draws in, and how it tells Python what a person did. */
interface Mounted<Data, Trigger extends string> {
  data: Data
  parentElement: HTMLElement | ShadowRoot
  setTriggerValue(name: Trigger, value: unknown): void
}

/** A message of the timeline with the payload of its type. */
type EntryOf<T extends keyof Payloads> = EntryBase & { type: T; data: Payloads[T] }
type Entry = { [T in keyof Payloads]: EntryOf<T> }[keyof Payloads]
