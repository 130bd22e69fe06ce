/**
 * The TypeScript client: start jobs, look at dead letters, act on them. Loads no native code.
 *
 * @module
 */
export { connect, type ConnectOptions, type Dlo } from "./connect.ts";
export type { AdoptRuns, StartAdoptOptions } from "./adopt.ts";
export type { AdoptOptions, AdoptWhat, NotAdopted } from "../model/adopt.ts";
export type { AdoptedRun, AdoptGroup, AdoptOutcome, NotAdoptedRun } from "../model/adopt-activities.ts";
export type { CauseListOptions, CausePage, Causes, RegroupOptions } from "./causes.ts";
export type { Subscription } from "./event-stream.ts";
export type { EventFilter, EventList, Events, ListEventsOptions, SubscribeOptions } from "./events.ts";
export type { OfficeEvent } from "../schema/read-events.ts";
export type { AskHealth } from "./health.ts";
export type { ExportFormat, ExportOptions } from "../model/export-options.ts";
export type { ImportedLine, ImportOptions, ImportOutcome, ImportReport } from "../model/import-report.ts";
export type { Lines } from "./read-lines.ts";
export type { Captured, CaptureOptions } from "./capture-record.ts";
export type {
  CaptureAllOptions,
  CaptureLinesOptions,
  CaptureOutcome,
  CaptureReport,
  CaptureResult,
  Records,
} from "./capture-records.ts";
export type { CapturedRecord, CaptureReason } from "../model/captured-record.ts";
export type { RecordSource } from "../model/record-source.ts";
export type { JobRun } from "./job-run.ts";
export type { LetterPage, PageOptions } from "./letter-page.ts";
export type { Letters, WaitOptions } from "./letters.ts";
export type { DiffOptions, LetterDiff } from "./letter-diff.ts";
export type { SimilarLetter, SimilarLetters, SimilarOptions } from "./similar-letters.ts";
export type { Difference } from "../model/set-apart.ts";
export type {
  Conditions,
  Filter,
  LetterOrder,
  NumberRange,
  OneOrMore,
  PathCondition,
  TimeRange,
} from "../model/filter.ts";
export { type FilterOrLine, formatFilter, parseFilter } from "../model/filter-line.ts";
export { filterFromParams, filterToParams } from "../model/filter-params.ts";
export type { ListItemsOptions, ListRedrivesOptions, RedriveList, RedriveReader } from "./redrive-reader.ts";
export type { Redrives, SetRedrive, StartRedriveOptions } from "./redrives.ts";
export type { Pruned, PruneLetters, StartPruneOptions } from "./prune.ts";
export type { Reconciled, ReconcileProgress, ReconcileStores, StartReconcileOptions } from "./reconcile.ts";
export type { Finding, FoundItem, ReconcileOptions, ReconcileReport } from "../model/reconcile.ts";
export type { PruneOptions } from "../model/prune.ts";
export type { PrunedLetter, PrunePreview } from "../schema/preview-prune.ts";
export type { RedriveMembers, RedriveOptions } from "../model/read-redrive.ts";
export type {
  Amend,
  BulkCommand,
  ItemCode,
  ItemState,
  RedriveCounts,
  RedriveLimits,
  RedriveSpec,
  RedriveStatus,
  RedriveStop,
} from "../model/redrive.ts";
export type { PreviewedLetter, RedrivePreview } from "../model/redrive-activities.ts";
export type { Redrive, RedriveItem } from "../schema/redrive-rows.ts";
export type { LetterCount } from "../schema/count-letters.ts";
export type { AskStats, RankingOptions, StatsOptions } from "./stats.ts";
export type { Breakdown } from "../model/breakdown.ts";
export type { HoursOfDay, Ranked, RankedRow, Timed, TimeRow } from "../schema/breakdown.ts";
export type { Stats } from "../schema/stats.ts";
export type { Spread } from "../schema/spread.ts";
export type { CauseStory } from "../schema/get-cause.ts";
export type { CauseJob } from "../schema/letter-numbers.ts";
export type { Cause, CauseBuild } from "../schema/list-causes.ts";
export type { Regrouped, Regrouping } from "../schema/regroup-causes.ts";
export type { LetterStory } from "../schema/letter-story.ts";
export type { LetterRow } from "../schema/rows.ts";
export { maximumInputBytes } from "../model/maximum-input.ts";
export type { StartOptions } from "./start-job.ts";
