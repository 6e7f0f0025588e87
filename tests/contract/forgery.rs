//! The forgeries that have names. Each is refused, and for the reason that is its own.

mod deactivations;
mod envelopes;
mod orders;
mod rebinds;

use shared::message::{Parcel, SignedBytes};
use shared::outcome::Refusal;

use crate::scene::{Papers, Scene};

#[track_caller]
fn refused(scene: &Scene, case: &str, parcel: &Parcel, wanted: Refusal) {
    match scene.check(parcel) {
        Ok(_) => panic!("{case}: accepted"),
        Err(refused) => assert_eq!(refused.refusal, wanted, "{case}: {refused}"),
    }
}

/// Refused as an order, as a batch and as a release alike.
#[track_caller]
fn refused_everywhere(scene: &Scene, case: &str, bytes: &[u8], wanted: Refusal) {
    let signed = SignedBytes::new(bytes.to_vec());
    let good = scene.parcel();
    refused(scene, case, &Parcel { order: signed.clone(), ..good.clone() }, wanted);
    refused(scene, case, &Parcel { batch: signed.clone(), ..good.clone() }, wanted);
    refused(scene, case, &Parcel { release: Some(signed), ..good }, wanted);
}

/// The papers changed and then signed by everyone whose signature is needed.
fn resigned(scene: &Scene, change: impl FnOnce(&mut Papers)) -> Parcel {
    let mut papers = scene.papers();
    change(&mut papers);
    scene.signed(&papers.linked())
}

#[test]
fn an_upgrade_that_is_in_order_is_admitted() {
    let scene = Scene::new();
    let papers = scene.papers();
    let admitted = scene.check(&scene.parcel()).expect("nothing is wrong with it");
    assert_eq!(admitted.order, papers.order);
    assert_eq!(admitted.batch, papers.batch);
    assert_eq!(admitted.release, Some(papers.release));
}
