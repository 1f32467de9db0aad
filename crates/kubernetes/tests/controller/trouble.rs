// SPDX-License-Identifier: Apache-2.0
use cheerful_rig::cluster::eventually;
use k8s_openapi::api::core::v1::Service;
use kube::Api;

use crate::stage::Stage;

/// Waits for `TemplateAccepted` to be false with this reason, and gives the message.
async fn refused(stage: &Stage, reasons: &[&str]) -> String {
    eventually(
        &format!("TemplateAccepted says one of {reasons:?}"),
        async || {
            let (status, reason, message) = stage.condition("TemplateAccepted").await?;
            (status == "False" && reasons.contains(&reason.as_str())).then_some(message)
        },
    )
    .await
}

#[tokio::test]
async fn an_image_that_is_not_there_shows_as_a_condition_and_an_event() {
    let Some(stage) = Stage::new("image").await else {
        return;
    };
    stage
        .revision("docker.io/local/nowhere:1", "initial: 1")
        .await;
    let message = refused(
        &stage,
        &["ErrImageNeverPull", "ImagePullBackOff", "ErrImagePull"],
    )
    .await;
    assert!(message.contains("container app"), "{message}");
    eventually("an event tells", async || {
        let events = stage.space.kubectl(&["get", "events"]).await.unwrap();
        let ours = events
            .lines()
            .any(|line| line.contains("revision/hello") && line.contains("Warning"));
        ours.then_some(())
    })
    .await;
    // A template that is put right is taken.
    stage.hello("initial: 1").await;
    eventually("it is taken", async || {
        let (status, ..) = stage.condition("TemplateAccepted").await?;
        (status == "True").then_some(())
    })
    .await;
    stage.end().await;
}

#[tokio::test]
async fn a_quota_shows_in_the_clusters_own_words() {
    let Some(stage) = Stage::new("quota").await else {
        return;
    };
    stage
        .space
        .apply("{apiVersion: v1, kind: ResourceQuota, metadata: {name: few}, spec: {hard: {pods: '0'}}}")
        .await;
    stage.hello("initial: 1").await;
    let message = refused(&stage, &["FailedCreate"]).await;
    assert!(message.contains("exceeded quota"), "{message}");
    stage.end().await;
}

#[tokio::test]
async fn what_belongs_to_others_is_left_alone() {
    let Some(stage) = Stage::new("taken").await else {
        return;
    };
    stage
        .space
        .apply("{apiVersion: v1, kind: Service, metadata: {name: hello}, spec: {selector: {app: x}, ports: [{port: 5}]}}")
        .await;
    stage.hello("initial: 1").await;
    let message = refused(&stage, &["NameTaken"]).await;
    assert!(message.contains("Service hello"), "{message}");
    let services: Api<Service> = stage.space.api();
    let service = services.get("hello").await.unwrap();
    assert_eq!(service.spec.unwrap().ports.unwrap()[0].port, 5);
    stage.end().await;
}

#[tokio::test]
async fn a_template_in_the_queues_place_is_told_with_its_field() {
    let Some(stage) = Stage::new("place").await else {
        return;
    };
    stage
        .space
        .apply(
            "{apiVersion: cheerful.dev/v1alpha1, kind: Revision, metadata: {name: hello}, spec: {template: {spec: \
             {volumes: [{name: cheerful, emptyDir: {}}], containers: [{name: app, image: 'app:1'}]}}}}",
        )
        .await;
    let message = refused(&stage, &["TemplateInvalid"]).await;
    assert!(
        message.contains("spec.template.spec.volumes[0].name"),
        "{message}"
    );
    stage.end().await;
}
