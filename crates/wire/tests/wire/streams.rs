// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use cheerful_wire::{Downward, Holding, Link, Pace, Replica, Upward, Who};

use crate::peers::{
    Authority, BOTH, Folder, NAME, Server, Wanted, config, queue, report, soon, until, up, workload,
};

#[tokio::test]
async fn what_is_sent_arrives_with_the_pods_name_in_it() {
    for transport in BOTH {
        let mut server = Server::start(Wanted::default()).await;
        let (link, _down) = up(config(server.address, transport, "cart-1")).await;
        let (hello, _) = server.hello().await;
        assert_eq!((hello.version, &hello.who), (1, &queue("cart-1")));
        assert!(hello.software.starts_with("cheerful "), "{hello:?}");

        let holding = Upward::Holding(Holding {
            workload: workload(),
            held: 3,
            arrived: 4,
            woken_by: Some("GET /".to_owned()),
            last_request: None,
        });
        link.send(report(7));
        link.send(holding.clone());
        let (who, first) = soon(server.messages.recv()).await.unwrap();
        assert_eq!(who, queue("cart-1"));
        let Upward::Report(mut message) = first else {
            panic!("{first:?}");
        };
        assert_eq!(message.report.replica, "cart-1");
        assert!(message.report.age_seconds < 5.0);
        message.report.age_seconds = 0.0;
        message.report.replica.clear();
        assert_eq!(Upward::Report(message), report(7));
        assert_eq!(soon(server.messages.recv()).await.unwrap().1, holding);
        until(|| server.counts().messages_total == 2).await;
        assert_eq!(link.metrics().sent_total, 2);
    }
}

#[tokio::test]
async fn what_is_told_arrives_and_the_welcome_is_the_first_pace() {
    for transport in BOTH {
        let mut server = Server::start(Wanted::default()).await;
        let (_link, mut down) = up(config(server.address, transport, "cart-1")).await;
        let first = Downward::from(Pace {
            workload: None,
            interval: Duration::from_secs(1),
            burst_threshold: None,
        });
        assert_eq!(soon(down.recv()).await.unwrap(), first);

        let (_, sender) = server.hello().await;
        let pace = Downward::from(Pace {
            workload: Some(workload()),
            interval: Duration::from_millis(250),
            burst_threshold: Some(12.5),
        });
        let replica = Downward::from(Replica {
            workload: workload(),
            pod: "cart-2".to_owned(),
            address: "[fd00::7]:8012".parse().unwrap(),
            ready: true,
        });
        for message in [pace, replica] {
            sender.try_send(message.clone()).unwrap();
            assert_eq!(soon(down.recv()).await.unwrap(), message);
        }
    }
}

#[tokio::test]
async fn with_tls_a_token_is_shown_and_a_renewed_one_sent_on_the_same_stream() {
    for transport in BOTH {
        let authority = Authority::new("first");
        let folder = Folder::new();
        let mut server = Server::start(Wanted {
            tls: Some(authority.server_tls()),
            token: "first-token".to_owned(),
            ..Wanted::default()
        })
        .await;
        let mut config = config(server.address, transport, "cart-1");
        config.server_name = Some(NAME.to_owned());
        config.ca_file = Some(folder.write("ca.crt", &authority.pem()));
        config.token_file = Some(folder.write("token", "first-token\n"));
        let (link, _down) = up(config).await;

        folder.write("token", "second-token\n");
        let (_, renewed) = soon(server.messages.recv()).await.unwrap();
        assert_eq!(renewed, Upward::Token("second-token".to_owned()));
        link.send(report(0));
        assert_eq!(server.sequence().await, 0);
        assert_eq!(link.metrics().connects_total, 1);

        // One that is refused ends the stream; what comes next is refused with its first message.
        folder.write("token", "wrong");
        until(|| link.metrics().refused_total >= 2).await;
        assert!(server.refused("token") >= 2);
        assert_eq!(link.metrics().connected, 0);
    }
}

#[tokio::test]
async fn a_gateway_is_a_gateway() {
    let mut server = Server::start(Wanted::default()).await;
    let mut config = config(server.address, BOTH[0], "");
    let who = Who::Gateway {
        namespace: "cheerful-system".to_owned(),
        pod: "gateway-1".to_owned(),
    };
    config.who = who.clone();
    let (_link, _down) = up(config).await;
    assert_eq!(server.hello().await.0.who, who);
}

#[tokio::test]
async fn everything_ends_when_the_link_is_dropped() {
    for transport in BOTH {
        let mut server = Server::start(Wanted::default()).await;
        let (link, mut down) = Link::start(config(server.address, transport, "cart-1")).unwrap();
        server.hello().await;
        drop(link);
        assert_eq!(soon(server.ended.recv()).await, Some(queue("cart-1")));
        soon(async { while down.recv().await.is_some() {} }).await;
        until(|| server.counts().connections == 0).await;
    }
}
