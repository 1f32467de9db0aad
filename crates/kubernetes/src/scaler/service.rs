// SPDX-License-Identifier: Apache-2.0
use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};

use cheerful_autoscaler::{Autoscaler, AutoscalerConfig};
use cheerful_signals::scrape::{Pace, Scraper};
use cheerful_wire::{Workload, WorkloadKind};
use futures_util::{StreamExt as _, stream};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject},
    runtime::watcher::Config,
};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    figures::FiguresView,
    fleet::Fleet,
    gate::Gate,
    key,
    leader::Leader,
    metrics::ScalerMetrics,
    platform::Cluster,
    pod::{PodState, Standing},
    readers::{Readers, say},
    reception::{Door, Reception},
    shared::Shared,
    statuses,
    target::{Scales, TargetError},
    watch::{Autoscalers, Deployments, Hpas, Outstanding, Pods, Revisions, Watched, follow},
};
use crate::{api_server::api_in, lease::Leadership, names, resources};

/// How the autoscaler of a cluster runs.
#[derive(Clone, Debug)]
pub struct ScalerConfig {
    /// Where the gateways are that may say what they hold.
    pub gateway_namespace: String,
    /// Its pod, for people.
    pub pod: String,
    /// The one namespace that it looks after; `None`: all.
    pub watch_namespace: Option<String>,
    /// The one Revision that it scales (namespace, name); `None`: all that have no autoscaler of their own.
    pub only: Option<(String, String)>,
    /// Between two decisions when nothing urges.
    pub tick: Duration,
    /// Where to record what it sees.
    pub record: Option<PathBuf>,
    /// Writes of `/scale` in a second.
    pub writes_per_second: f64,
    /// Writes of `/scale` at once after a rest.
    pub writes_burst: f64,
}

/// The autoscaler of a cluster. Everything ends when it is dropped.
pub struct ClusterAutoscaler {
    shared: Arc<Shared>,
    tick: Duration,
    leads: Vec<watch::Receiver<Leadership>>,
    scraper: Scraper,
    autoscaler: Autoscaler,
    door: Door,
    running: JoinHandle<()>,
    tasks: JoinSet<()>,
}

impl ClusterAutoscaler {
    /// Starts it on the present tokio runtime. `leads`: for each shard whether we lead it, now and later; a shard whose
    /// sender is gone is led by nobody here.
    ///
    /// # Errors
    /// For a tick out of its bounds, or when the recording cannot be created.
    pub fn start(
        client: Client,
        config: ScalerConfig,
        leads: Vec<watch::Receiver<Leadership>>,
    ) -> io::Result<Self> {
        let only = config.only.clone().map(|(namespace, name)| Workload {
            namespace,
            kind: WorkloadKind::Revision,
            name,
        });
        let fleet = Fleet::new(only, config.pod.clone(), leads.len());
        let shared = Arc::new(Shared::new(fleet));
        let scraper = Scraper::new(Pace::default(), seed(&config.pod));
        let platform = Arc::new(Cluster {
            shared: Arc::clone(&shared),
            scraper: scraper.clone(),
            client: client.clone(),
            scales: Scales::default(),
            gate: Gate::new(config.writes_per_second, config.writes_burst),
            leads: leads.clone(),
        });
        let settings = AutoscalerConfig {
            tick: config.tick,
            record: config.record.clone(),
        };
        let (autoscaler, running) = Autoscaler::start(settings, Arc::clone(&platform))?;
        shared.serve(autoscaler.clone());
        let mut tasks = JoinSet::new();
        watches(
            &mut tasks,
            &shared,
            &client,
            config.watch_namespace.as_deref(),
        );
        let readers = Readers::new(Arc::clone(&shared), client.clone(), scraper.clone());
        tasks.spawn(feed(Arc::clone(&shared), readers));
        let heard = Arc::clone(&shared);
        tasks.spawn(scraper.clone().run(move |said| say(&heard, said)));
        tasks.spawn(look(Arc::clone(&shared), client.clone()));
        tasks.spawn(statuses::write(
            Arc::clone(&shared),
            client.clone(),
            config.pod,
        ));
        for (shard, leads) in leads.iter().cloned().enumerate() {
            tasks.spawn(lead(Arc::clone(&shared), shard, leads));
        }
        let reception = Reception::new(Arc::clone(&shared), client, config.gateway_namespace);
        Ok(Self {
            shared,
            tick: config.tick,
            leads,
            scraper,
            autoscaler,
            door: Door(Arc::new(reception)),
            running,
            tasks,
        })
    }

    /// What the explain API asks.
    #[must_use]
    pub const fn autoscaler(&self) -> &Autoscaler {
        &self.autoscaler
    }

    /// Who lets the streams of queues and gateways in.
    #[must_use]
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// A handle on what is asked while it runs.
    #[must_use]
    pub fn view(&self) -> ScalerView {
        ScalerView {
            shared: Arc::clone(&self.shared),
            scraper: self.scraper.clone(),
        }
    }

    /// What is told to HPAs. What another replica leads is asked of it: `client` finds its pod in `namespace`, and
    /// `admin_port` is where each has its pages.
    #[must_use]
    pub fn figures(&self, client: &Client, namespace: &str, admin_port: u16) -> FiguresView {
        FiguresView {
            shared: Arc::clone(&self.shared),
            tick: self.tick,
            leader: Arc::new(Leader::new(
                client,
                namespace,
                admin_port,
                self.leads.clone(),
            )),
        }
    }

    /// Ends it; the recording is flushed.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        drop((self.shared, self.autoscaler, self.door));
        // Streams that are still up hold a handle too: they have a moment to end.
        if timeout(Duration::from_secs(2), self.running).await.is_err() {
            tracing::debug!("streams outlived the autoscaler");
        }
    }
}

/// Asks a running [`ClusterAutoscaler`].
#[derive(Clone, Debug)]
pub struct ScalerView {
    shared: Arc<Shared>,
    scraper: Scraper,
}

impl ScalerView {
    /// Whether it knows what is there.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn ready(&self) -> Result<(), String> {
        if self.shared.fleet().is_synced() {
            Ok(())
        } else {
            Err("the watches have not told everything yet".to_owned())
        }
    }

    /// Whether it leads at least one shard.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.shared.fleet().leading() > 0
    }

    /// The pods of a workload, by name.
    #[must_use]
    pub fn pods(&self, key: &str) -> Vec<PodLine> {
        let now = self.shared.now();
        let Some(workload) = key::workload(key) else {
            return Vec::new();
        };
        let fleet = self.shared.fleet();
        let Some(state) = fleet.get(&workload) else {
            return Vec::new();
        };
        let line = |pod: &PodState| PodLine {
            pod: pod.seen.name.clone(),
            state: match (pod.standing(now), &pod.seen.stuck) {
                (Standing::Ready, _) => "ready".to_owned(),
                (Standing::Starting, None) => "starting".to_owned(),
                (Standing::Starting, Some(why)) => format!("starting ({why})"),
                (Standing::Draining, _) => "draining".to_owned(),
                (Standing::Ended, _) => "ended".to_owned(),
            },
            seen_for: now.since(pod.since),
            in_flight: pod.heard.map_or(0.0, |heard| heard.in_flight),
        };
        state.pods.values().map(line).collect()
    }

    /// What was counted.
    #[must_use]
    pub fn metrics(&self) -> ScalerMetrics {
        ScalerMetrics::of(&self.shared, self.scraper.counts())
    }
}

/// One pod, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct PodLine {
    /// Its name.
    pub pod: String,
    /// `ready`, `starting`, `draining`, `ended`; with why it does not start, where that is known.
    pub state: String,
    /// Since we saw it first.
    pub seen_for: Duration,
    /// Requests in flight, as its last report says.
    pub in_flight: f64,
}

impl fmt::Debug for ClusterAutoscaler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterAutoscaler").finish_non_exhaustive()
    }
}

/// So that no two autoscalers draw the same samples: FNV-1a over the pod's name.
fn seed(pod: &str) -> u64 {
    pod.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn watches(
    tasks: &mut JoinSet<()>,
    shared: &Arc<Shared>,
    client: &Client,
    namespace: Option<&str>,
) {
    let outstanding = Arc::new(Outstanding::new(5));
    let custom = |resource: ApiResource| -> Api<DynamicObject> {
        match namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        }
    };
    let revisions = custom(ApiResource::erase::<resources::Revision>(&()));
    let autoscalers = custom(ApiResource::erase::<resources::Autoscaler>(&()));
    let plain = Config::default;
    let queues = plain().labels(&format!("{}=true", names::QUEUE_LABEL));
    let ours = plain().labels(names::REVISION_LABEL);
    let parts = (shared, &outstanding);
    watch(Revisions, tasks, parts, revisions, plain());
    watch(Autoscalers, tasks, parts, autoscalers, plain());
    watch(Pods, tasks, parts, api_in(client, namespace), queues);
    watch(Deployments, tasks, parts, api_in(client, namespace), ours);
    watch(Hpas, tasks, parts, api_in(client, namespace), plain());
}

fn watch<W: Watched + Send + Sync + 'static>(
    watched: W,
    tasks: &mut JoinSet<()>,
    (shared, outstanding): (&Arc<Shared>, &Arc<Outstanding>),
    api: Api<W::Object>,
    config: Config,
) where
    <W::Object as Resource>::DynamicType: Clone + Send + Sync,
    W::Id: Send,
{
    let (shared, outstanding) = (Arc::clone(shared), Arc::clone(outstanding));
    tasks.spawn(follow(watched, api, config, shared, Some(outstanding)));
}

/// Tells the autoscaler, the queues and the gateways what is new, at once; and once a second what only time has changed.
async fn feed(shared: Arc<Shared>, mut readers: Readers) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut signals = interval(Duration::from_secs(5));
    signals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut minutes = interval(Duration::from_secs(60));
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = minutes.tick() => {
                let memories = shared.memories().await;
                shared.fleet().learned(memories, Timestamp::now());
                let compares = shared.fleet().compares();
                if compares {
                    let views = shared.overview().await;
                    shared.fleet().compared(views);
                }
            }
            _ = signals.tick() => {
                let views = shared.overview().await;
                shared.fleet().signalled(views, shared.now());
            }
            () = shared.news.notified() => {}
            _ = seconds.tick() => shared.fleet().tick(shared.now()),
        }
        let (inputs, changes) = {
            let now = shared.now();
            let mut fleet = shared.fleet();
            fleet.pace();
            (fleet.feed(now), fleet.listen())
        };
        for (key, input) in inputs {
            shared.tell(&key, input).await;
        }
        // What is read of a workload is told only once it is known.
        for change in changes {
            readers.apply(change).await;
        }
    }
}

/// Looks at the targets of Autoscalers from time to time, for nobody watches them.
async fn look(shared: Arc<Shared>, client: Client) {
    const AT_ONCE: usize = 8;
    const LIMIT: Duration = Duration::from_secs(5);
    let scales = Scales::default();
    let mut rounds = interval(Duration::from_millis(500));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let now = shared.now();
        let looks = shared.fleet().looks(now);
        let (shared, client, scales) = (&shared, &client, &scales);
        stream::iter(looks)
            .for_each_concurrent(AT_ONCE, |(workload, target)| async move {
                let seen = match timeout(LIMIT, scales.get(client, &target)).await {
                    Ok(Ok(scale)) => Ok(scale),
                    Ok(Err(gone @ TargetError::NotFound(_))) => Err((true, gone.to_string())),
                    Ok(Err(failed)) => Err((false, failed.to_string())),
                    Err(_) => Err((false, "the API server does not answer".to_owned())),
                };
                shared.fleet().looked(&workload, seen);
                shared.news.notify_one();
            })
            .await;
    }
}

/// Says whether we lead a shard.
async fn lead(shared: Arc<Shared>, shard: usize, mut leads: watch::Receiver<Leadership>) {
    loop {
        let leads_now = leads.borrow_and_update().until.is_some();
        shared.fleet().lead(shard, leads_now);
        shared.news.notify_one();
        if leads.changed().await.is_err() {
            shared.fleet().lead(shard, false);
            shared.news.notify_one();
            return;
        }
    }
}
