//! A change of provider as people order it: one batch, and a profile for each of its members.

use std::collections::BTreeMap;

use shared::change::rebind::{Reason, Rebind, RegistryOrder, Test, TestKind, Watch};
use shared::codec;
use shared::digest::Digest;
use shared::document::FORMAT;
use shared::document::profile::{Enclosed, Merchant, Profile, Replaced};
use shared::id::{BindingId, PositionId, RequestId, TerminalId};
use shared::membership::Profiles;

/// What one member needs to work with `beta` instead of `alpha`. The same terminal has the same
/// profile.
pub fn profile(terminal: TerminalId) -> Profile {
    let [first, second, third, ..] = Digest::of(terminal.to_string().as_bytes()).0;
    let number = format!("{first:02x}{second:02x}{third:02x}");
    Profile {
        format: FORMAT,
        terminal,
        position: PositionId::from_bytes([5; 16]),
        binding: BindingId::from_bytes([6; 16]),
        version: 2,
        provider: "beta".to_owned(),
        merchant: Merchant {
            mid: "898440154110001".to_owned(),
            tid: format!("B{number}"),
            name: "North Store".to_owned(),
            mcc: "5411".to_owned(),
        },
        currency: "CNY".to_owned(),
        hosts: vec!["127.0.0.1:9001".to_owned()],
        sealed: None,
        replaces: Replaced {
            binding: None,
            mid: "105440154110001".to_owned(),
            tid: format!("A{number}"),
        },
    }
}

/// The change with these profiles: a test sale that is voided, then ten minutes of watching.
pub fn rebind(profiles: Digest) -> Rebind {
    Rebind {
        request: RequestId::from_bytes([4; 16]),
        from: "alpha".to_owned(),
        to: "beta".to_owned(),
        profiles,
        reason: Reason::Fee,
        ordered_by: "head office".to_owned(),
        note: "lower fees".to_owned(),
        registry_order: RegistryOrder::NewFirst,
        tests: [TestKind::Diagnosis, TestKind::Sale, TestKind::Void]
            .map(|kind| Test { kind, amount_minor: 1 })
            .into(),
        watch: Watch {
            for_s: 600,
            payments_min: 5,
            at_most_s: 3600,
            approval_drop_max: 20,
            host_errors_max: 10,
            slower_max: 100,
            crashes_max: 1,
        },
        window: None,
    }
}

/// The profiles of a batch's members, as bytes.
#[derive(Debug)]
pub struct Portfolio {
    payloads: BTreeMap<TerminalId, Vec<u8>>,
    tree: Profiles,
}

impl Portfolio {
    pub fn of(profiles: impl IntoIterator<Item = Profile>) -> Self {
        let payload = |profile: Profile| (profile.terminal, codec::encode(&profile));
        Self::of_payloads(profiles.into_iter().map(payload))
    }

    /// Whatever is enclosed with an order, as it is signed for.
    pub fn of_payloads(payloads: impl IntoIterator<Item = (TerminalId, Vec<u8>)>) -> Self {
        let payloads: BTreeMap<_, _> = payloads.into_iter().collect();
        Self { tree: Profiles::of(&payloads), payloads }
    }

    pub fn root(&self) -> Digest {
        self.tree.root()
    }

    /// The profile of a member, as it travels beside its order.
    pub fn enclosed(&self, terminal: TerminalId) -> Option<Enclosed> {
        let path = self.tree.path(terminal)?;
        Some(Enclosed { profile: self.payloads[&terminal].clone().into(), path })
    }
}
