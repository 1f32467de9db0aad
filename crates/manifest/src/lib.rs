// SPDX-License-Identifier: Apache-2.0
//! The kinds Revision and Autoscaler: fields, defaults, validation, schema, loading.
//!
//! [`load`] gives the [`Revision`]s of a manifest, or everything that is wrong in it at once.
mod check;
mod choices;
mod cluster;
mod documents;
mod duration;
mod import;
mod latency;
mod load;
mod node;
mod problem;
mod reader;
mod reference;
mod revision;
mod scalar;
mod scaling;
mod schedule;
mod schema;
mod settings;
mod shadow;
mod signal;
mod yaml;

pub use choices::{
    BurstCapacityText, ConcurrencyText, DECIMAL, DelayText, PausedText, PolicyText, TargetText,
};
pub use cluster::{
    Autoscaler, AutoscalerChoice, AutoscalerMode, AutoscalerSpec, Platform, QueueSpec,
    ReportTransport, ScaleTargetRef,
};
pub use duration::{DurationText, NotADuration};
pub use import::{ImportNote, ImportOptions, Imported, NoteKind, import};
pub use latency::LatencySpec;
pub use load::{
    ClusterManifest, MAX_DOCUMENT_BYTES, MAX_DOCUMENTS, MAX_SOURCE_BYTES, load, load_cluster,
    load_cluster_file, load_file,
};
pub use problem::{DocumentProblem, ManifestErrors, Problem};
pub use reference::reference;
pub use revision::{
    API_VERSION, Hold, KIND, Matches, Metadata, Readiness, Revision, Route, Spec, Timeouts, Waking,
};
pub use scaling::ScalingSpec;
pub use schedule::{Cron, NotACron, NotAZone, Zone};
pub use schema::{schema, schema_of};
pub use settings::{settings_from_json, settings_to_json, spec_from_json};
pub use shadow::ShadowSpec;
pub use signal::{
    AppPage, AppPath, CaddySignal, CpuSignal, CustomSignal, Endpoint, EnvoySignal, ExternalSignal,
    HaproxySignal, Https, KnativeSignal, MemorySignal, MetricObject, MetricsSignal, NginxSignal,
    PageSignal, PrometheusSignal, QuantityText, QueueSignal, ScheduleSpec, Scheme, Signal,
    SignalSpec, Source, StatsdSignal, TraefikSignal, VllmSignal,
};
