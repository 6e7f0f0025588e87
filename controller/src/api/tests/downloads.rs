//! Terminals that fetch software by limits, in a time that the test has in hand.

use std::pin::pin;
use std::time::Duration;

use futures::future::join;
use futures::poll;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::json;
use shared::digest::Digest;
use tokio::task::yield_now;

use super::super::Downloads;
use super::super::downloads::Hand;
use super::enrolment;
use super::fixture::{Fixture, problem};
use crate::pacing::Limits;

const KIB: usize = 1024;

/// The hand moves in steps of a quarter of a second.
const STEP: Duration = Duration::from_millis(250);

/// Of all, and of each store; an empty text for none.
async fn serving(whole: &str, of_each_store: &str) -> (Fixture, Hand) {
    let limits = Limits { whole: whole.parse().ok(), of_each_store: of_each_store.parse().ok() };
    let (downloads, hand) = Downloads::by_hand(limits);
    (Fixture::serving(downloads).await, hand)
}

/// Of so many bytes, stored by an operator.
async fn artifact(fixture: &Fixture, bytes: usize) -> String {
    let bytes = vec![7; bytes];
    let path = format!("/v1/artifacts/{}", Digest::of(&bytes));
    let put = fixture.operator(Method::PUT, &path).body(bytes).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::CREATED);
    path
}

async fn till(fixture: &Fixture, serial: &str, store: &str) -> Client {
    let (_, client, _) = enrolment::terminal_of(fixture, serial, store).await;
    client
}

async fn ask(fixture: &Fixture, till: &Client, path: &str) -> Response {
    till.get(fixture.url(path)).send().await.unwrap()
}

async fn begun(fixture: &Fixture, till: &Client, path: &str) -> Response {
    let response = ask(fixture, till, path).await;
    assert_eq!(response.status(), StatusCode::OK);
    response
}

/// Until everybody who is let in waits for the hand to move; gives how many they are.
async fn still(fixture: &Fixture) -> usize {
    loop {
        match fixture.api.downloads.counts() {
            (streams, waiting) if streams == waiting => return streams,
            _ => yield_now().await,
        }
    }
}

/// Until so many are let in.
async fn left(fixture: &Fixture, streams: usize) {
    while still(fixture).await != streams {
        yield_now().await;
    }
}

async fn length(response: Response) -> usize {
    response.bytes().await.unwrap().len()
}

#[tokio::test]
async fn tills_of_a_store_share_its_limit_and_neither_another_store_nor_people_wait_for_them() {
    let (fixture, hand) = serving("", "16KiB").await;
    let path = artifact(&fixture, 64 * KIB).await;
    let [one, two, other] = [
        till(&fixture, "PX-1", "north").await,
        till(&fixture, "PX-2", "north").await,
        till(&fixture, "PX-3", "south").await,
    ];
    let both = join(
        length(begun(&fixture, &one, &path).await),
        length(begun(&fixture, &two, &path).await),
    );
    let mut both = pin!(both);
    let mut other = pin!(length(begun(&fixture, &other, &path).await));
    // One second's worth goes at once: 48 KiB are left of the one, 112 KiB of the two together.
    for _ in 0..12 {
        assert_eq!(still(&fixture).await, 3);
        assert!(poll!(other.as_mut()).is_pending() && poll!(both.as_mut()).is_pending());
        hand.advance(STEP);
    }
    assert_eq!(other.await, 64 * KIB, "after 3 s");
    assert_eq!(length(fixture.get(&path).await).await, 64 * KIB, "an operator waits for nobody");
    for _ in 12..28 {
        still(&fixture).await;
        assert!(poll!(both.as_mut()).is_pending());
        hand.advance(STEP);
    }
    assert_eq!(both.await, (64 * KIB, 64 * KIB), "after 7 s");
    left(&fixture, 0).await;
}

#[tokio::test]
async fn what_is_said_of_a_store_goes_before_what_is_said_of_all() {
    let (fixture, hand) = serving("", "4KiB").await;
    let path = artifact(&fixture, 64 * KIB).await;
    let tills = [till(&fixture, "PX-1", "north").await, till(&fixture, "PX-2", "north").await];
    let described = json!({ "seen_version": 0, "download_bytes_per_s": 16 * KIB });
    let described = fixture.operator(Method::PUT, "/v1/stores/north").json(&described);
    assert_eq!(described.send().await.unwrap().status(), StatusCode::OK);
    let wrong = json!({ "seen_version": 1, "download_bytes_per_s": 4095 });
    let wrong = fixture.operator(Method::PUT, "/v1/stores/north").json(&wrong);
    assert_eq!(problem(wrong.send().await.unwrap()).await, "invalid");
    let [one, two] =
        [begun(&fixture, &tills[0], &path).await, begun(&fixture, &tills[1], &path).await];
    for _ in 0..28 {
        still(&fixture).await;
        hand.advance(STEP);
    }
    assert_eq!(join(length(one), length(two)).await, (64 * KIB, 64 * KIB), "after 7 s");
}

#[tokio::test]
async fn whoever_comes_where_there_is_no_room_is_told_when_to_come_again() {
    let (fixture, _hand) = serving("", "4KiB").await;
    let path = artifact(&fixture, 32 * KIB).await;
    let tills = [
        till(&fixture, "PX-1", "north").await,
        till(&fixture, "PX-2", "north").await,
        till(&fixture, "PX-3", "north").await,
    ];
    let south = till(&fixture, "PX-4", "south").await;
    let first = begun(&fixture, &tills[0], &path).await;
    still(&fixture).await;
    // Half of it is left of the first, and then a whole one for each.
    for (at, seconds) in [(1, "4"), (2, "12"), (1, "4")] {
        let refused = ask(&fixture, &tills[at], &path).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()[RETRY_AFTER], seconds);
        assert_eq!(problem(refused).await, "crowded");
    }
    let look = tills[1].head(fixture.url(&path)).send().await.unwrap();
    assert_eq!(look.status(), StatusCode::OK, "it fetches nothing");
    let other = begun(&fixture, &south, &path).await;
    left(&fixture, 2).await;
    // A connection that is gone holds no place.
    drop(first);
    left(&fixture, 1).await;
    let second = begun(&fixture, &tills[1], &path).await;
    left(&fixture, 2).await;
    // Nor does one that its terminal has lost without anybody noticing.
    let again = begun(&fixture, &tills[1], &path).await;
    left(&fixture, 2).await;
    assert!(second.bytes().await.is_err(), "it was cut off");
    drop((other, again));
    left(&fixture, 0).await;
}

#[tokio::test]
async fn the_limit_of_all_holds_for_stores_of_which_nothing_is_said_and_not_for_people() {
    let (fixture, hand) = serving("16KiB", "").await;
    let path = artifact(&fixture, 32 * KIB).await;
    let north = till(&fixture, "PX-1", "north").await;
    let south = till(&fixture, "PX-2", "south").await;
    let mut both = pin!(join(
        length(begun(&fixture, &north, &path).await),
        length(begun(&fixture, &south, &path).await),
    ));
    for _ in 0..12 {
        still(&fixture).await;
        assert!(poll!(both.as_mut()).is_pending());
        hand.advance(STEP);
    }
    assert_eq!(both.await, (32 * KIB, 32 * KIB), "after 3 s");
    assert_eq!(length(fixture.get(&path).await).await, 32 * KIB);
}
