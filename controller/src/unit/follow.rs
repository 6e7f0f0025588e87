//! A unit follows what its terminal signs: whoever asks the list of units is told who sells as well
//! as whoever asks the terminal. Pure.

use super::{UnitEvent, UnitState};
use crate::registry::terminal::Service;

/// What a terminal's signed word makes of its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// The unit goes on as if somebody had said so.
    Steps(UnitEvent),
    /// The list says the same already, or where the unit went since.
    Stays,
    /// The list says what cannot be: somebody finds out which of the two is so.
    Differs,
}

/// What becomes of a unit in this state whose terminal has signed that it is in this service.
pub fn follow(state: UnitState, service: Service) -> Follow {
    use UnitState as At;
    match (service, state) {
        (Service::Suspended | Service::SuspendedOwing, At::InService) => {
            Follow::Steps(UnitEvent::Suspend)
        }
        (Service::InService, At::Suspended) => Follow::Steps(UnitEvent::Resume),
        (Service::InService, At::InService)
        // A word that comes late is about the time before somebody took it away.
        | (
            Service::Suspended | Service::SuspendedOwing | Service::Erased,
            At::Suspended
            | At::OutForRepair
            | At::AwaitingReturn
            | At::Returned
            | At::Tampered
            | At::LostStolen
            | At::SwappedOut,
        )
        // What was never set to work may be emptied, and so may what is back in stock.
        | (Service::Erased, At::InStock | At::Allocated | At::InTransit | At::AtSite) => {
            Follow::Stays
        }
        (
            Service::InService,
            At::InStock
            | At::Allocated
            | At::InTransit
            | At::AtSite
            | At::OutForRepair
            | At::AwaitingReturn
            | At::Returned
            | At::Disposed
            | At::Tampered
            | At::LostStolen
            | At::SwappedOut,
        )
        | (
            Service::Suspended | Service::SuspendedOwing,
            At::InStock | At::Allocated | At::InTransit | At::AtSite | At::Disposed,
        )
        | (Service::Erased, At::InService | At::Disposed) => Follow::Differs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::step;

    const SERVICES: [Service; 4] =
        [Service::InService, Service::Suspended, Service::SuspendedOwing, Service::Erased];

    #[test]
    fn a_unit_stops_and_sells_again_with_its_terminal_and_nothing_else_moves_it() {
        for service in SERVICES {
            for state in UnitState::ALL {
                let to = match (service, state) {
                    (Service::Suspended | Service::SuspendedOwing, UnitState::InService) => {
                        Some(UnitState::Suspended)
                    }
                    (Service::InService, UnitState::Suspended) => Some(UnitState::InService),
                    (_, _) => None,
                };
                let moved = match follow(state, service) {
                    Follow::Steps(event) => Some(step(state, event).expect("the table allows it")),
                    Follow::Stays | Follow::Differs => None,
                };
                assert_eq!(moved, to, "{service:?} {state}");
            }
        }
    }

    #[test]
    fn what_the_list_cannot_know_better_stands_out() {
        use UnitState::*;
        let differs = |service| {
            let all = UnitState::ALL.into_iter();
            all.filter(|state| follow(*state, service) == Follow::Differs).collect::<Vec<_>>()
        };
        let sells = differs(Service::InService);
        let stays = UnitState::ALL.into_iter().filter(|it| !sells.contains(it));
        assert_eq!(stays.collect::<Vec<_>>(), [InService, Suspended]);
        for service in [Service::Suspended, Service::SuspendedOwing] {
            assert_eq!(differs(service), [InStock, Allocated, InTransit, AtSite, Disposed]);
        }
        assert_eq!(differs(Service::Erased), [InService, Disposed]);
    }

    #[test]
    fn whoever_has_followed_stays_where_it_is() {
        for service in SERVICES {
            for state in UnitState::ALL {
                if let Follow::Steps(event) = follow(state, service) {
                    let then = step(state, event).expect("the table allows it");
                    assert_eq!(follow(then, service), Follow::Stays, "{service:?} {state}");
                }
            }
        }
    }
}
