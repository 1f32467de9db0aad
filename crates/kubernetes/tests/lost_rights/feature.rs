// SPDX-License-Identifier: Apache-2.0
use crate::{cases::Case, house::House};

/// Something that works only with the right to it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Feature {
    /// The role's lease is made when there is none.
    LeaseMade,
    /// A new pod of the role leads when the one before has gone.
    LeaseHeld,
    /// A new Revision becomes a Deployment.
    Followed,
    /// The autoscaler's certificate is signed, where it is gone or only not as it should be.
    Signed { gone: bool },
    /// The namespace has the authority's certificates, where they are gone or only old.
    Trusted { gone: bool },
    /// The status says by which hosts a new Revision is reached.
    HostsTold,
    /// An event tells of a template that is refused.
    TroubleHappened,
    /// And tells that it came again.
    TroubleHappenedAgain,
    /// A condition tells why a pod does not start.
    TroubleTold,
    /// What somebody deletes is made again.
    Comes(Made),
    /// What somebody changes is repaired.
    Repaired(Made),
    /// A namespace with an Autoscaler alone has the authority's certificates.
    TrustedByQueues,
    /// The autoscaler of a new Revision that asks for its own has a service account.
    OwnAccount,
    /// It has its rights.
    OwnRights,
    /// It may have tokens reviewed.
    OwnReviews,
    /// It has a certificate, where that is gone or only not as it should be.
    OwnCertificate { gone: bool },
    /// It goes when the shared one serves again.
    SharedAgain,
    /// A Revision's Deployment gets the count that is asked for.
    Scaled,
    /// A count that another has written is written over.
    ScaledBack,
    /// The status says what is wanted.
    ScaleTold,
    /// So does the Revision's own scale.
    ScaleMirrored,
    /// An event tells the sentence of a change.
    ScaleHappened,
    /// The status says how many pods there are.
    Counted,
    /// Pods that are to go are marked before a step down.
    MarkedToGo,
    /// An Autoscaler's target gets the count that is asked for.
    TargetScaled(Target),
    /// A new Autoscaler's target does.
    TargetFound(Target),
    /// The Autoscaler's status says what is wanted.
    TargetTold,
    /// So does its own scale.
    TargetMirrored,
    /// A condition says that an HPA scales the target.
    LeftAlone(Target),
    /// It may be asked what the pods of a target take, whether anybody measures it or not.
    UsageAsked,
    /// The autoscaler is ready to take reports.
    TakesReports,
    /// It serves with a new certificate once there is one.
    CertificateRenewed,
    /// The API for HPAs is registered, where that is gone or only not as it should be.
    Registered { gone: bool },
    /// It answers.
    HpasAnswered,
    /// A request starts a Revision that is at rest.
    Woken,
    /// The gateway knows a new Revision.
    Reached,
}

/// What a Revision is made into.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Made {
    Deployment,
    Service,
    Slice,
}

/// What an Autoscaler scales.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Deployment,
    StatefulSet,
    ReplicaSet,
}

impl House {
    /// Brings about what needs it.
    pub(crate) async fn ask(&self, case: &Case) {
        match case.feature {
            Feature::LeaseMade => self.delete_lease(case.right.role).await,
            Feature::LeaseHeld | Feature::TakesReports | Feature::HpasAnswered => {}
            Feature::Registered { gone } => self.spoil_registration(gone).await,
            Feature::Followed | Feature::HostsTold => self.new_revision().await,
            Feature::Signed { gone } => self.spoil_certificate(gone).await,
            Feature::Trusted { gone } => self.spoil_bundle(gone).await,
            Feature::TroubleHappened => self.new_bad_revision().await,
            Feature::TroubleHappenedAgain => self.go_bad_again().await,
            Feature::TroubleTold => self.new_homeless_revision().await,
            Feature::Comes(made) => self.delete_made(made).await,
            Feature::Repaired(made) => self.change_made(made).await,
            Feature::TrustedByQueues => self.autoscaler_alone().await,
            Feature::OwnAccount | Feature::OwnRights | Feature::OwnReviews => {
                self.new_dedicated().await;
            }
            Feature::OwnCertificate { gone } => self.spoil_own_certificate(gone).await,
            Feature::SharedAgain => self.back_to_shared().await,
            Feature::Scaled | Feature::ScaleTold | Feature::ScaleMirrored | Feature::Counted => {
                self.wish().await;
            }
            Feature::ScaledBack => self.meddle().await,
            Feature::ScaleHappened => self.wish_and_count_events().await,
            Feature::MarkedToGo => self.step_down().await,
            Feature::TargetScaled(target) => self.wish_of(target).await,
            Feature::TargetTold | Feature::TargetMirrored => {
                self.wish_of(Target::Deployment).await;
            }
            Feature::TargetFound(target) => self.new_target(target).await,
            Feature::LeftAlone(target) => self.new_hpa(target).await,
            Feature::UsageAsked => self.new_measured().await,
            Feature::CertificateRenewed => self.renew_certificate().await,
            Feature::Woken => self.knock().await,
            Feature::Reached => self.new_neighbour().await,
        }
    }

    /// Whether what was asked for last is so.
    pub(crate) async fn works(&self, case: &Case) -> bool {
        match case.feature {
            Feature::LeaseMade => self.has_lease(case.right.role).await,
            Feature::LeaseHeld => self.leads(case.right.role).await,
            Feature::Followed => self.is_followed().await,
            Feature::HostsTold => self.hosts_are_told().await,
            Feature::Signed { .. } => self.is_signed().await,
            Feature::Trusted { .. } | Feature::TrustedByQueues => self.has_bundle().await,
            Feature::TroubleHappened => self.trouble_happened().await,
            Feature::TroubleHappenedAgain => self.trouble_happened_again().await,
            Feature::TroubleTold => self.trouble_is_told().await,
            Feature::Comes(made) => self.is_there(made).await,
            Feature::Repaired(made) => self.is_repaired(made).await,
            Feature::OwnAccount => self.has_own_account().await,
            Feature::OwnRights => self.has_own_rights().await,
            Feature::OwnReviews => self.has_own_reviews().await,
            Feature::OwnCertificate { .. } => self.has_own_certificate().await,
            Feature::SharedAgain => self.is_shared().await,
            Feature::Scaled | Feature::ScaledBack => self.is_scaled().await,
            Feature::ScaleTold => self.scale_is_told().await,
            Feature::ScaleMirrored => self.scale_is_mirrored().await,
            Feature::ScaleHappened => self.scale_happened().await,
            Feature::Counted => self.pods_are_counted().await,
            Feature::MarkedToGo => self.are_marked().await,
            Feature::TargetScaled(target) | Feature::TargetFound(target) => {
                self.target_is_scaled(target).await
            }
            Feature::TargetTold => self.target_is_told().await,
            Feature::TargetMirrored => self.target_is_mirrored().await,
            Feature::LeftAlone(target) => self.is_left_alone(target).await,
            Feature::UsageAsked => self.may_measure().await,
            Feature::TakesReports => self.takes_reports().await,
            Feature::Registered { .. } => self.is_registered().await,
            Feature::HpasAnswered => self.hpas_are_answered().await,
            Feature::CertificateRenewed => self.serves_renewed().await,
            Feature::Woken => self.was_let_in().await,
            Feature::Reached => self.is_reached().await,
        }
    }
}
