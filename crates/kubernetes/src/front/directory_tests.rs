// SPDX-License-Identifier: Apache-2.0
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::RouteConfig;

fn at(millis: u64) -> Moment {
    Moment::from_micros(millis * 1_000)
}

fn place(pod: &str, ready: bool) -> Place {
    let last = pod.bytes().last().unwrap_or(0);
    Place {
        pod: pod.into(),
        address: SocketAddr::from(([10, 1, 0, last], 8012)),
        ready,
    }
}

fn route(revision: &str, created: i64, hosts: &[&str]) -> Event {
    let config = RouteConfig {
        hosts: hosts.iter().map(ToString::to_string).collect(),
        target: 7.0,
        ..RouteConfig::default()
    };
    slice(
        &format!("{revision}-gateway"),
        revision,
        Content::Route {
            created,
            route: Ok(Box::new(config)),
        },
    )
}

fn pods(slice_name: &str, revision: &str, pods: &[(&str, bool)]) -> Event {
    let places = pods.iter().map(|(pod, ready)| place(pod, *ready)).collect();
    slice(slice_name, revision, Content::Places(places))
}

fn slice(name: &str, revision: &str, content: Content) -> Event {
    Event::Slice(SliceView {
        slice: name.into(),
        revision: revision.into(),
        content,
    })
}

fn news(revision: &str, pod: &str, ready: bool) -> Event {
    Event::News {
        revision: revision.into(),
        place: place(pod, ready),
    }
}

/// What a gateway that was told all this knows.
#[derive(Debug, Default)]
struct Told {
    revisions: BTreeMap<String, (Vec<Route>, BTreeSet<String>)>,
    routed: Vec<String>,
    said: Vec<String>,
    probes: Vec<Place>,
}

impl Told {
    fn take(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Add(config) => {
                    let new = (config.routes, BTreeSet::new());
                    assert!(self.revisions.insert(config.name, new).is_none());
                }
                Action::Change(config) => {
                    self.revisions.get_mut(&config.name).unwrap().0 = config.routes;
                }
                Action::Remove(revision) => {
                    assert!(self.revisions.remove(&*revision).is_some());
                    self.routed.retain(|routed| **routed != *revision);
                }
                Action::Route(revisions) => {
                    let mut all = BTreeSet::new();
                    for revision in &revisions {
                        let routes = &self.revisions[revision].0;
                        assert!(!routes.is_empty(), "{revision} would get all requests");
                        assert!(routes.iter().all(|route| all.insert(route.clone())));
                    }
                    self.routed = revisions;
                }
                Action::SetBurst { revision, .. } => {
                    assert!(self.revisions.contains_key(&*revision));
                }
                Action::Open { revision, pod, .. } => {
                    let pods = &mut self.revisions.get_mut(&*revision).unwrap().1;
                    pods.insert(pod.to_string());
                }
                Action::Drain { revision, pod } => {
                    self.revisions.get_mut(&*revision).unwrap().1.remove(&*pod);
                }
                Action::Probe { pod, address, .. } => self.probes.push(Place {
                    pod,
                    address,
                    ready: false,
                }),
                Action::Dedicate { .. } => {}
                Action::Say { text, .. } => self.said.push(text),
            }
        }
    }

    fn open(&self, revision: &str) -> Vec<&str> {
        let pods = self.revisions[revision].1.iter();
        pods.map(String::as_str).collect()
    }
}

#[derive(Debug, Default)]
struct Both {
    directory: Directory,
    told: Told,
}

impl Both {
    fn step(&mut self, event: Event, millis: u64) {
        self.told.take(self.directory.step(event, at(millis)));
    }
    fn listed(events: Vec<Event>) -> Self {
        let mut both = Self::default();
        both.step(Event::ListBegun, 0);
        for event in events {
            both.step(event, 0);
        }
        assert!(!both.directory.is_complete());
        both.step(Event::ListDone, 1_000);
        assert!(both.directory.is_complete());
        both
    }
}

#[test]
fn a_revision_is_known_by_its_route_and_has_the_ready_pods() {
    let both = Both::listed(vec![
        pods("p1", "shop/cart", &[("a", true), ("b", false)]),
        route("shop/cart", 1, &["cart.shop"]),
        pods("p2", "shop/cart", &[("c", true)]),
        pods("p3", "shop/unknown", &[("d", true)]),
    ]);
    assert_eq!(both.told.open("shop/cart"), ["a", "c"]);
    assert_eq!(both.told.routed, ["shop/cart"]);
    let counts = both.directory.counts();
    assert_eq!(
        (counts.slices, counts.revisions, counts.replicas_open),
        (4, 1, 2)
    );
}

#[test]
fn a_bad_route_leaves_the_one_before() {
    let mut both = Both::listed(vec![route("shop/cart", 1, &["cart.shop"])]);
    let bad = Content::Route {
        created: 1,
        route: Err("broken".to_owned()),
    };
    both.step(slice("shop/cart-gateway", "shop/cart", bad), 2_000);
    assert_eq!(both.told.routed, ["shop/cart"]);
    assert!(both.told.said[0].contains("broken"));
    assert_eq!(both.directory.counts().bad_routes_total, 1);
}

#[test]
fn a_list_anew_drops_what_is_no_more_and_nothing_before_it_is_done() {
    let mut both = Both::listed(vec![
        route("shop/cart", 1, &["cart.shop"]),
        pods("p", "shop/cart", &[("a", true)]),
        route("shop/old", 1, &["old.shop"]),
    ]);
    both.step(Event::WatchLost(true), 2_000);
    both.step(Event::ListBegun, 3_000);
    both.step(route("shop/cart", 1, &["cart.shop"]), 3_000);
    assert_eq!(both.told.open("shop/cart"), ["a"]);
    both.step(Event::ListDone, 3_000);
    assert_eq!(both.told.open("shop/cart"), [""; 0]);
    assert_eq!(both.told.routed, ["shop/cart"]);
    assert!(!both.told.revisions.contains_key("shop/old"));
}

#[test]
fn a_host_that_another_has_is_told_once_and_comes_free_with_it() {
    let mut both = Both::listed(vec![
        route("a/new", 2, &["x.com", "new.a"]),
        route("b/old", 1, &["x.com"]),
    ]);
    assert_eq!(both.told.said.len(), 1, "{:?}", both.told.said);
    assert_eq!(both.directory.counts().routes_refused, 1);
    both.step(route("a/new", 2, &["x.com", "new.a", "y.com"]), 2_000);
    assert_eq!(both.told.said.len(), 1);
    both.step(Event::SliceGone("b/old-gateway".into()), 2_010);
    let due = both.directory.next_look().unwrap();
    both.step(Event::Tick, due.as_micros() / 1_000);
    assert_eq!(both.told.revisions["a/new"].0.len(), 3);
    assert_eq!(both.directory.counts().routes_refused, 0);
}

#[test]
fn what_was_heard_before_the_slice_holds_and_is_forgotten_without_one() {
    let mut both = Both::listed(vec![]);
    both.step(news("shop/cart", "a", true), 2_000);
    let burst = Event::Burst {
        revision: "shop/other".into(),
        requests: Some(9.0),
    };
    both.step(burst, 2_000);
    both.step(route("shop/cart", 1, &["cart.shop"]), 2_100);
    assert_eq!(both.told.open("shop/cart"), ["a"]);
    while let Some(due) = both.directory.next_look() {
        both.step(Event::Tick, due.as_micros() / 1_000);
    }
    assert_eq!(both.told.open("shop/cart"), [""; 0]);
    assert_eq!(both.directory.revisions.len(), 1);
    assert!(both.directory.looks_of.is_empty());
}

#[test]
fn a_failed_pod_is_tried_and_comes_back() {
    let mut both = Both::listed(vec![
        route("shop/cart", 1, &["cart.shop"]),
        pods("p", "shop/cart", &[("a", true)]),
    ]);
    let failed = Event::Failed {
        revision: "shop/cart".into(),
        pod: "a".into(),
    };
    both.step(failed, 2_000);
    assert_eq!(both.directory.counts().replicas_open, 0);
    both.step(Event::Tick, 3_000);
    let mut place = both.told.probes.remove(0);
    place.ready = true;
    let revision = "shop/cart".into();
    both.step(Event::Probed { revision, place }, 3_001);
    assert_eq!(both.directory.counts().replicas_open, 1);
}

#[test]
fn what_is_over_a_bound_is_left_out_and_counted() {
    let mut directory = Directory::default();
    let mut take = |event| drop(directory.step(event, at(0)));
    take(Event::ListBegun);
    for number in 0..=REVISIONS {
        let name = format!("ns/r{number}");
        take(route(&name, 1, &[&format!("r{number}.ns")]));
    }
    for first in (0..=REPLICAS_OF_ONE).step_by(1_000) {
        let last = REPLICAS_OF_ONE.min(first + 999);
        let pods: Vec<_> = (first..=last).map(|number| format!("p{number}")).collect();
        let places = pods.iter().map(|pod| place(pod, true)).collect();
        take(slice(
            &format!("s{first}"),
            "ns/r0",
            Content::Places(places),
        ));
    }
    take(Event::ListDone);
    let counts = directory.counts();
    assert_eq!(counts.revisions, REVISIONS as u64);
    assert_eq!(counts.replicas_open, REPLICAS_OF_ONE as u64);
    assert_eq!(counts.over_bound_total, 2);
}

#[derive(Clone, Debug)]
enum Step {
    Pods(u8, u8, Vec<(u8, bool)>),
    Route(u8, i64, u8),
    Gone(u8, u8),
    RouteGone(u8),
    News(u8, u8, bool),
    Failed(u8, u8),
    Relist,
    Lost(bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u8, 0..3_u8, prop::collection::vec((0..4_u8, any::<bool>()), 0..4))
            .prop_map(|(revision, slice, pods)| Step::Pods(revision, slice, pods)),
        2 => (0..3_u8, 0..4_i64, 0..3_u8).prop_map(|(revision, created, host)| Step::Route(revision, created, host)),
        1 => (0..3_u8, 0..3_u8).prop_map(|(revision, slice)| Step::Gone(revision, slice)),
        1 => (0..3_u8).prop_map(Step::RouteGone),
        3 => (0..3_u8, 0..4_u8, any::<bool>()).prop_map(|(revision, pod, ready)| Step::News(revision, pod, ready)),
        2 => (0..3_u8, 0..4_u8).prop_map(|(revision, pod)| Step::Failed(revision, pod)),
        1 => Just(Step::Relist),
        1 => any::<bool>().prop_map(Step::Lost),
        3 => (0..8_000_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    /// After any sequence, once all is quiet: open is what the slices call ready, routed is what has a route left, and
    /// nothing else is remembered.
    #[test]
    fn in_the_end_the_slices_are_the_truth(steps in prop::collection::vec(step(), 0..60)) {
        let mut both = Both::listed(vec![]);
        let mut places: BTreeMap<(u8, u8), Vec<(u8, bool)>> = BTreeMap::new();
        let mut routes: BTreeMap<u8, (i64, u8)> = BTreeMap::new();
        let mut now = 1_000;
        let name = |revision: u8| format!("ns/r{revision}");
        let slice_name = |revision: u8, slice: u8| format!("ns/r{revision}-{slice}");
        let shown = |revision: u8, slice: u8, of: &[(u8, bool)]| {
            let of: Vec<_> = of.iter().map(|(pod, ready)| (format!("p{pod}"), *ready)).collect();
            let of: Vec<_> = of.iter().map(|(pod, ready)| (pod.as_str(), *ready)).collect();
            pods(&slice_name(revision, slice), &name(revision), &of)
        };
        let routed = |revision: u8, created: i64, host: u8| {
            let (host, own) = (format!("h{host}.example"), format!("r{revision}.ns"));
            route(&name(revision), created, &[&host, &own])
        };
        for step in steps {
            match step {
                Step::Pods(revision, slice, mut of) => {
                    of.sort_unstable();
                    of.dedup_by_key(|(pod, _)| *pod);
                    both.step(shown(revision, slice, &of), now);
                    places.insert((revision, slice), of);
                }
                Step::Route(revision, created, host) => {
                    both.step(routed(revision, created, host), now);
                    routes.insert(revision, (created, host));
                }
                Step::Gone(revision, slice) => {
                    both.step(Event::SliceGone(slice_name(revision, slice).into()), now);
                    places.remove(&(revision, slice));
                }
                Step::RouteGone(revision) => {
                    both.step(Event::SliceGone(format!("{}-gateway", name(revision)).into()), now);
                    routes.remove(&revision);
                }
                Step::News(revision, pod, ready) => {
                    both.step(news(&name(revision), &format!("p{pod}"), ready), now);
                    // News rules at once, where the revision is known and the pod has not just failed.
                    let known = both.directory.revisions.get(name(revision).as_str());
                    if !ready && known.is_some_and(|known| known.door.is_some()) {
                        let pod = format!("p{pod}");
                        let name = name(revision);
                        prop_assert!(!both.told.open(&name).contains(&pod.as_str()));
                    }
                }
                Step::Failed(revision, pod) => {
                    let revision = name(revision).as_str().into();
                    let pod = format!("p{pod}").as_str().into();
                    both.step(Event::Failed { revision, pod }, now);
                }
                Step::Relist => {
                    both.step(Event::ListBegun, now);
                    for ((revision, slice), of) in &places {
                        both.step(shown(*revision, *slice, of), now);
                    }
                    for (revision, (created, host)) in &routes {
                        both.step(routed(*revision, *created, *host), now);
                    }
                    both.step(Event::ListDone, now);
                }
                Step::Lost(lost) => both.step(Event::WatchLost(lost), now),
                Step::Wait(millis) => {
                    now += millis;
                    both.step(Event::Tick, now);
                }
            }
        }
        both.step(Event::WatchLost(false), now);
        for _ in 0..4 {
            now += 11_000;
            both.step(Event::Tick, now);
            for mut place in mem::take(&mut both.told.probes) {
                place.ready = true;
                for revision in 0..3 {
                    let revision = name(revision).as_str().into();
                    both.step(Event::Probed { revision, place: place.clone() }, now);
                }
            }
        }
        for revision in 0..3 {
            let told = both.told.revisions.get(&name(revision));
            prop_assert_eq!(told.is_some(), routes.contains_key(&revision));
            let Some((_, open)) = told else { continue };
            let ready: BTreeSet<_> = places.iter()
                .filter(|((of, _), _)| *of == revision)
                .flat_map(|(_, pods)| pods)
                .filter(|(_, ready)| *ready)
                .map(|(pod, _)| format!("p{pod}"))
                .collect();
            prop_assert_eq!(open, &ready);
        }
        let names: Vec<_> = routes.keys().map(|revision| name(*revision)).collect();
        prop_assert_eq!(&both.told.routed, &names, "each has its own name at least");
        prop_assert_eq!(both.directory.next_look(), None);
        prop_assert_eq!(both.directory.slices.len(), places.len() + routes.len());
        let kept = both.directory.revisions.values().map(|known| known.replicas.len()).sum::<usize>();
        prop_assert!(kept <= places.values().map(Vec::len).sum());
    }
}
