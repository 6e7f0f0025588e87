//! Who may use which topic. Pure: asked for every publish, every subscription and every will.
//!
//! A terminal writes its own `…/up` and reads its own `…/down`, nothing else; a controller reads
//! every `…/up` and writes every `…/down`. Nobody shares a subscription, and a filter is compared
//! as a text, never matched: what is not one of ours is refused, whatever it would cover.

use shared::topic::{Topic, UP_FILTER};

use crate::auth::Peer;

/// Whether `peer` may send to `topic`, by itself or as its last will.
pub fn may_publish(peer: &Peer, topic: &str) -> bool {
    match (peer, topic.parse::<Topic>()) {
        (Peer::Terminal(own), Ok(Topic::Up(terminal))) => *own == terminal,
        (Peer::Controller(_), Ok(Topic::Down(_))) => true,
        (Peer::Terminal(_), Ok(Topic::Down(_)))
        | (Peer::Controller(_), Ok(Topic::Up(_)))
        | (_, Err(_)) => false,
    }
}

/// Whether `peer` may receive what `filter` covers.
pub fn may_subscribe(peer: &Peer, filter: &str) -> bool {
    match (peer, filter.parse::<Topic>()) {
        (Peer::Terminal(own), Ok(Topic::Down(terminal))) => *own == terminal,
        (Peer::Controller(_), Ok(Topic::Up(_))) => true,
        (Peer::Controller(_), Err(_)) => filter == UP_FILTER || is_shard_filter(filter),
        (Peer::Terminal(_), Ok(Topic::Up(_)) | Err(_))
        | (Peer::Controller(_), Ok(Topic::Down(_))) => false,
    }
}

/// As [`shared::topic::up_filter`] writes it.
fn is_shard_filter(filter: &str) -> bool {
    let shard = filter.strip_prefix("tw/1/").and_then(|rest| rest.strip_suffix("/+/up"));
    shard.is_some_and(|digits| {
        digits.len() == 3
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && digits.parse::<u8>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use shared::id::TerminalId;
    use shared::topic::{Shard, up_filter};

    use super::*;

    const OWN: TerminalId = TerminalId::from_bytes([1; 16]);
    const OTHER: TerminalId = TerminalId::from_bytes([2; 16]);

    fn terminal() -> Peer {
        Peer::Terminal(OWN)
    }

    fn controller() -> Peer {
        Peer::Controller("controller-1".parse().expect("a name"))
    }

    /// Every topic or filter, and what each of (terminal publishes, terminal subscribes,
    /// controller publishes, controller subscribes) is answered.
    fn matrix() -> Vec<(String, [bool; 4])> {
        let (own_up, own_down) = (Topic::Up(OWN).to_string(), Topic::Down(OWN).to_string());
        let (other_up, other_down) = (Topic::Up(OTHER).to_string(), Topic::Down(OTHER).to_string());
        let wrong_shard = format!("tw/1/{}/{OWN}/up", Shard(Shard::of(OWN).0 ^ 1));
        let nobody = [false; 4];
        vec![
            (own_up.clone(), [true, false, false, true]),
            (own_down.clone(), [false, true, true, false]),
            (other_up.clone(), [false, false, false, true]),
            (other_down, [false, false, true, false]),
            (UP_FILTER.to_owned(), [false, false, false, true]),
            (up_filter(Shard::of(OWN)), [false, false, false, true]),
            (up_filter(Shard(0)), [false, false, false, true]),
            (up_filter(Shard(255)), [false, false, false, true]),
            ("tw/1/256/+/up".to_owned(), nobody),
            ("tw/1/7/+/up".to_owned(), nobody),
            ("tw/1/+07/+/up".to_owned(), nobody),
            ("tw/1/+/+/down".to_owned(), nobody),
            ("tw/1/+/+/+".to_owned(), nobody),
            ("tw/1/#".to_owned(), nobody),
            ("tw/#".to_owned(), nobody),
            ("#".to_owned(), nobody),
            ("+".to_owned(), nobody),
            ("+/+/+/+/+".to_owned(), nobody),
            (format!("tw/1/+/{OWN}/down"), nobody),
            (format!("tw/1/+/{OWN}/up"), nobody),
            (own_down.replace("/down", "/#"), nobody),
            (own_down.replace("/down", "/+"), nobody),
            (format!("$share/group/{own_down}"), nobody),
            (format!("$share/group/{own_up}"), nobody),
            (format!("$share/group/{UP_FILTER}"), nobody),
            ("$SYS/#".to_owned(), nobody),
            ("$SYS/broker/clients".to_owned(), nobody),
            (wrong_shard, nobody),
            (own_up.replace("tw/1/", "tw/2/"), nobody),
            (own_up.to_uppercase(), nobody),
            (format!("/{own_up}"), nobody),
            (format!("{own_up}/"), nobody),
            (format!("{own_up}\0"), nobody),
            (format!("{own_up} "), nobody),
            (String::new(), nobody),
            ("/".repeat(40), nobody),
        ]
    }

    #[test]
    fn the_access_matrix_holds_in_every_cell() {
        for (topic, expected) in matrix() {
            let got = [
                may_publish(&terminal(), &topic),
                may_subscribe(&terminal(), &topic),
                may_publish(&controller(), &topic),
                may_subscribe(&controller(), &topic),
            ];
            assert_eq!(got, expected, "`{topic}` (terminal pub, sub; controller pub, sub)");
        }
    }
}
