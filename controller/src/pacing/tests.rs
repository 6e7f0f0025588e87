//! Streams that always have a next piece, in a time of their own.

use proptest::prelude::*;

use super::*;

const PIECE: u64 = PIECE_BYTES_MAX;

fn limit(text: &str) -> Option<Limit> {
    Some(text.parse().unwrap_or_else(|why| panic!("{text}: {why}")))
}

fn terminal(number: u64) -> TerminalId {
    TerminalId::from_bytes(u128::from(number).to_be_bytes())
}

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// A piece that has gone.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Gone {
    at: Duration,
    store: usize,
    stream: StreamId,
    bytes: u64,
}

/// A pacer, and those who want its pieces.
struct Shops {
    pacer: Pacer<StreamId>,
    limits: Vec<Option<Limit>>,
    /// Of each stream, its store and the size of its pieces.
    streams: BTreeMap<StreamId, (usize, u64)>,
    waits_since: BTreeMap<StreamId, Duration>,
    gone: Vec<Gone>,
    longest: Duration,
    now: Duration,
}

impl Shops {
    fn new(whole: Option<Limit>, limits: &[Option<Limit>]) -> Self {
        Self {
            pacer: Pacer::new(whole),
            limits: limits.to_vec(),
            streams: BTreeMap::new(),
            waits_since: BTreeMap::new(),
            gone: vec![],
            longest: Duration::ZERO,
            now: Duration::ZERO,
        }
    }

    fn join(&mut self, number: u64, store: usize) -> Result<StreamId, Crowded> {
        let wish = Wish {
            terminal: terminal(number),
            store: &format!("store-{store}"),
            limit: self.limits[store],
            bytes: 1 << 20,
        };
        self.pacer.join(wish, self.now)
    }

    /// Begins a download in pieces of this size, which never ends.
    fn begin(&mut self, number: u64, store: usize, bytes: u64) -> bool {
        let Ok(stream) = self.join(number, store) else { return false };
        self.streams.insert(stream, (store, bytes));
        self.wait(stream);
        true
    }

    fn wait(&mut self, stream: StreamId) {
        self.waits_since.insert(stream, self.now);
        self.pacer.wait(stream, self.streams[&stream].1, stream);
    }

    /// Until this moment, from one at which something goes to the next.
    fn run(&mut self, until: Duration) {
        loop {
            match self.pacer.next(self.now) {
                Next::Go(stream) => {
                    let (store, bytes) = self.streams[&stream];
                    self.gone.push(Gone { at: self.now, store, stream, bytes });
                    self.longest = self.longest.max(self.now - self.waits_since[&stream]);
                    self.wait(stream);
                }
                Next::At(at) => {
                    assert!(at > self.now, "it stands still");
                    self.now = at.min(until);
                    if at > until {
                        return;
                    }
                }
                Next::Nobody => panic!("streams wait, and nothing is to come"),
            }
        }
    }

    fn bytes(&self, store: usize) -> u64 {
        self.gone.iter().filter(|it| it.store == store).map(|it| it.bytes).sum()
    }

    /// No stretch of time has seen more than the limit and one burst.
    fn check(&self, limit: Option<Limit>, counts: impl Fn(&Gone) -> bool) {
        let Some(limit) = limit else { return };
        let gone: Vec<_> = self.gone.iter().filter(|it| counts(it)).collect();
        for (first, from) in gone.iter().enumerate() {
            let mut bytes = 0;
            for to in &gone[first..] {
                bytes += to.bytes;
                let most = (to.at - from.at) + limit.ahead_max();
                assert!(limit.takes(bytes) <= most + Duration::from_micros(1), "{from:?} {to:?}");
            }
        }
    }
}

#[test]
fn two_tills_share_the_limit_of_their_store_and_another_store_has_its_own() {
    let mut shops = Shops::new(None, &[limit("64KiB"), limit("64KiB")]);
    for (number, store) in [(1, 0), (2, 0), (3, 1)] {
        assert!(shops.begin(number, store, PIECE));
    }
    shops.run(secs(100.0));
    let of = |stream: u64| {
        let bytes = shops.gone.iter().filter(|it| it.stream == StreamId(stream));
        bytes.map(|it| it.bytes).sum::<u64>() / PIECE
    };
    let [first, second] = shops.streams.keys().take(2).map(|it| of(it.0)).collect::<Vec<_>>()[..]
    else {
        panic!("there are two")
    };
    assert!(first.abs_diff(second) <= 1, "{first} and {second} pieces");
    assert_eq!([shops.bytes(0) / PIECE, shops.bytes(1) / PIECE], [401, 401]);
}

#[test]
fn what_a_full_store_cannot_take_is_there_for_the_others() {
    let mut shops = Shops::new(limit("128KiB"), &[limit("16KiB"), None]);
    assert!((1..=5).all(|number| shops.begin(number, 0, PIECE)));
    assert!(shops.begin(9, 1, PIECE));
    shops.run(secs(60.0));
    let pieces = [shops.bytes(0) / PIECE, shops.bytes(1) / PIECE];
    assert_eq!(pieces, [61, 60 * 8 + 2 - 61], "nothing is lost of what all may fetch");
}

#[test]
fn a_till_alone_gets_as_much_as_each_of_a_store_with_many() {
    let mut shops = Shops::new(limit("1MiB"), &[None, None]);
    let many = (1..=400).take_while(|number| shops.begin(*number, 0, PIECE)).count();
    assert!(shops.begin(1_000, 1, PIECE));
    shops.run(secs(600.0));
    let share = shops.bytes(0) / many as u64;
    assert!(shops.bytes(1).abs_diff(share) <= 2 * PIECE, "{share} and {}", shops.bytes(1));
    assert!(shops.longest <= PATIENCE, "{:?}", shops.longest);
}

#[test]
fn small_pieces_do_not_keep_a_large_one_waiting() {
    let mut shops = Shops::new(limit("64KiB"), &[None, None]);
    assert!((1..=9).all(|number| shops.begin(number, 0, 100)));
    assert!(shops.begin(10, 1, PIECE));
    shops.run(secs(60.0));
    assert!(shops.longest < secs(1.0), "{:?}", shops.longest);
}

#[test]
fn no_store_takes_every_place_and_one_place_is_always_there() {
    // 448 have a piece of 16 KiB in 7 s each.
    let mut shops = Shops::new(limit("1MiB"), &[None, None, None]);
    let mut numbers = 1..;
    let mut fill = |shops: &mut Shops, store| {
        numbers.by_ref().take_while(|number| shops.begin(*number, store, PIECE)).count()
    };
    assert_eq!(fill(&mut shops, 0), 224, "half of what there is");
    assert_eq!(fill(&mut shops, 1), 112, "half of what is left");
    assert_eq!(fill(&mut shops, 2), 56);
    let mut least = Shops::new(limit("4KiB"), &[limit("4KiB"), limit("4KiB")]);
    assert!(least.begin(1, 0, PIECE));
    assert!(!least.begin(2, 0, PIECE) && !least.begin(3, 1, PIECE));
    least.run(secs(60.0));
    assert!(least.longest <= secs(4.0), "{:?}", least.longest);
}

#[test]
fn whoever_is_turned_away_is_told_a_moment_of_their_own() {
    let mut shops = Shops::new(None, &[limit("4KiB")]);
    assert!(shops.begin(1, 0, PIECE));
    let told = |shops: &mut Shops, number| {
        shops.join(number, 0).expect_err("there is no room").again_after.as_secs()
    };
    // A mebibyte takes 256 s, of which a piece has gone.
    shops.run(secs(0.0));
    assert_eq!([2, 3, 4].map(|number| told(&mut shops, number)), [252, 508, 764]);
    shops.now = secs(52.0);
    assert_eq!(
        [told(&mut shops, 3), told(&mut shops, 5)],
        [456, 968],
        "who asks again is told again"
    );
    let late: BTreeSet<_> = (6..60).map(|number| told(&mut shops, number)).collect();
    assert!(late.iter().all(|seconds| *seconds <= 3_600), "{late:?}");
    assert_eq!(late.len(), 54, "nobody comes with somebody else");
    // Nobody has to wait for what was told to others.
    let first = *shops.streams.keys().next().expect("it is in");
    shops.pacer.leave(first);
    assert!(shops.begin(99, 0, PIECE));
}

#[test]
fn who_comes_again_takes_its_own_place() {
    let mut shops = Shops::new(None, &[limit("4KiB")]);
    let first = shops.join(1, 0).expect("there is room");
    let second = shops.join(1, 0).expect("it is its own place");
    assert_ne!(first, second);
    shops.pacer.wait(first, PIECE, first);
    assert_eq!((shops.pacer.streams(), shops.pacer.waiting()), (1, 0), "it was ended");
    shops.pacer.leave(first);
    assert_eq!(shops.pacer.streams(), 1, "that one is nobody's any more");
}

#[test]
fn who_leaves_has_used_up_what_has_gone_and_nothing_else() {
    let mut shops = Shops::new(limit("16KiB"), &[None, None]);
    assert!(shops.begin(1, 0, PIECE) && shops.begin(2, 1, PIECE));
    shops.run(secs(0.5));
    let [first, second] = [0, 1].map(|at| *shops.streams.keys().nth(at).expect("two are in"));
    assert_eq!(shops.gone.len(), 1, "the second waits for one second");
    shops.pacer.leave(second);
    shops.run(secs(1.5));
    let streams: Vec<_> = shops.gone.iter().map(|it| (it.stream, it.at)).collect();
    assert_eq!(streams, [(first, secs(0.0)), (first, secs(1.0))]);
}

#[test]
fn a_lower_limit_ends_what_it_has_no_room_for_and_a_higher_one_counts_at_once() {
    let mut shops = Shops::new(None, &[limit("64KiB")]);
    assert!((1..=9).all(|number| shops.begin(number, 0, PIECE)));
    shops.limits[0] = limit("4KiB");
    assert!(shops.join(10, 0).is_err());
    assert_eq!((shops.pacer.streams(), shops.pacer.waiting()), (1, 1), "the oldest stays");
    shops.limits[0] = limit("1MiB");
    assert!(shops.begin(11, 0, PIECE));
    shops.run(secs(0.0));
    assert!(shops.gone.len() >= 16, "{}", shops.gone.len());
}

#[test]
fn stores_that_owe_nothing_are_forgotten() {
    let limits: Vec<_> = (0..50).map(|_| limit("4KiB")).collect();
    let mut shops = Shops::new(None, &limits);
    for number in 0..50 {
        let stream = shops.join(number, number as usize).expect("there is room");
        shops.pacer.wait(stream, PIECE, stream);
        assert_eq!(shops.pacer.next(shops.now), Next::Go(stream));
        assert!(shops.join(100 + number, number as usize).is_err());
        shops.pacer.leave(stream);
    }
    let kept = |shops: &Shops| [shops.pacer.stores.len(), shops.pacer.told.len()];
    assert_eq!(kept(&shops), [50, 50]);
    shops.now = secs(3_601.0);
    shops.join(1, 0).expect("there is room");
    assert_eq!(kept(&shops), [1, 0]);
}

/// What a case differs in: limits in KiB a second, 0 for none, and who comes where.
fn case() -> impl Strategy<Value = (u64, Vec<u64>, Vec<(usize, u64, u64)>)> {
    let stores = prop::collection::vec(prop_oneof![Just(0), 4_u64..100], 1..5);
    let whole = prop_oneof![Just(0), 4_u64..200];
    let comers = prop::collection::vec((0_usize..5, PIECE / 4..=PIECE, 0_u64..300), 1..40);
    (whole, stores, comers)
}

proptest! {
    // Each looks at every stretch of half a minute.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However many come and whatever their pieces are: neither a store nor all together get more
    /// than their limit and one burst in any stretch of time, something always goes, and whoever is
    /// let in gets a piece in time.
    #[test]
    fn no_stretch_of_time_sees_more_than_a_limit((whole, stores, comers) in case()) {
        let of = |kib: u64| Limit::of(kib * 1024).ok();
        let limits: Vec<_> = stores.iter().map(|kib| of(*kib)).collect();
        let mut shops = Shops::new(of(whole), &limits);
        for (number, (store, bytes, wait_ms)) in (1..).zip(comers) {
            let store = store % limits.len();
            let is_free = limits[store].is_none() && whole == 0;
            // Nobody paces what nothing limits.
            if !is_free && shops.begin(number, store, bytes) {
                shops.run(shops.now + Duration::from_millis(wait_ms));
            }
        }
        if !shops.streams.is_empty() {
            shops.run(shops.now + secs(20.0));
        }
        shops.check(of(whole), |_| true);
        for (store, limit) in limits.iter().enumerate() {
            shops.check(*limit, |it| it.store == store);
        }
        let waits = shops.waits_since.values().map(|since| shops.now - *since);
        let longest = waits.max().unwrap_or_default().max(shops.longest);
        prop_assert!(longest <= PATIENCE * 2 + secs(1.0), "{longest:?}");
    }
}
