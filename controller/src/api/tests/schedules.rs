//! Schedules as operators set them, and the campaigns that come of them.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use shared::id::CampaignId;

use super::super::model::{BackupSchedule, Campaign, CampaignState, Page};
use super::backups::Till;
use super::fixture::{Fixture, problem};
use crate::background::now;
use crate::backup::schedule::Scheduling;

async fn set(fixture: &Fixture, name: &str, selector: &str) -> reqwest::Response {
    let asked = json!({
        "work": "incremental", "every": "day", "where": selector, "max_parallel": 5,
        "window": "02:00-05:00",
    });
    let path = format!("/v1/backups/schedules/{name}");
    fixture.operator(Method::PUT, &path).json(&asked).send().await.unwrap()
}

fn scheduling(fixture: &Fixture) -> Scheduling {
    Scheduling::new(fixture.api.registry.clone(), fixture.api.campaigns.clone())
}

async fn campaigns(fixture: &Fixture) -> Vec<(CampaignId, CampaignState)> {
    let listed: Page<Campaign> = fixture.get("/v1/campaigns").await.json().await.unwrap();
    listed.items.into_iter().map(|it| (it.id, it.state)).collect()
}

#[tokio::test]
async fn a_schedule_makes_one_campaign_in_each_period() {
    let fixture = Fixture::start().await;
    let _till = Till::enrolled(&fixture, "PX-1").await;
    let schedule: BackupSchedule =
        set(&fixture, "nightly", "store=north").await.json().await.unwrap();
    assert_eq!(
        (schedule.set_by.as_str(), schedule.work),
        ("ana", { super::super::model::ScheduledWork::Incremental })
    );
    let today = now();
    for _ in 0..3 {
        // Each time as a controller that has just been started.
        scheduling(&fixture).step(today).await.unwrap();
    }
    let made = campaigns(&fixture).await;
    assert_eq!(made.iter().map(|it| it.1).collect::<Vec<_>>(), [CampaignState::Running]);
    let tomorrow = today.plus(Duration::from_secs(86_400));
    scheduling(&fixture).step(tomorrow).await.unwrap();
    let both = campaigns(&fixture).await;
    assert_eq!((both.len(), both[1]), (2, made[0]), "the newest first");

    let path = "/v1/backups/schedules/nightly";
    let removed = fixture.operator(Method::DELETE, path).send().await.unwrap();
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    scheduling(&fixture).step(tomorrow.plus(Duration::from_secs(86_400))).await.unwrap();
    assert_eq!(campaigns(&fixture).await.len(), 2);
}

/// Killed between making a campaign, starting it, and noting that it was made.
#[tokio::test]
async fn a_controller_that_was_killed_makes_a_scheduled_campaign_once() {
    let fixture = Fixture::start().await;
    let _till = Till::enrolled(&fixture, "PX-1").await;
    set(&fixture, "nightly", "store=north").await;
    let registry = &fixture.api.registry;
    let schedule = registry.schedules().await.unwrap().remove(0);
    scheduling(&fixture).step(now()).await.unwrap();
    let made = campaigns(&fixture).await;
    registry.schedule_made(&schedule, schedule.next_at).await.unwrap();
    scheduling(&fixture).step(now()).await.unwrap();
    assert_eq!(campaigns(&fixture).await, made, "it was not noted");
    assert_eq!(registry.schedules_due(now(), 9).await.unwrap(), []);
}

#[tokio::test]
async fn a_schedule_that_asks_nobody_waits_for_somebody() {
    let fixture = Fixture::start().await;
    set(&fixture, "nightly", "store=north").await;
    scheduling(&fixture).step(now()).await.unwrap();
    assert_eq!(campaigns(&fixture).await, []);
    let _till = Till::enrolled(&fixture, "PX-1").await;
    scheduling(&fixture).step(now().plus(Duration::from_secs(3600))).await.unwrap();
    assert_eq!(campaigns(&fixture).await.len(), 1);
}

#[tokio::test]
async fn a_schedule_that_makes_no_sense_is_refused() {
    let fixture = Fixture::start().await;
    assert_eq!(problem(set(&fixture, "a%20b", "store=north").await).await, "invalid");
    assert_eq!(problem(set(&fixture, "nightly", "store=").await).await, "invalid");
    let gone = fixture.operator(Method::DELETE, "/v1/backups/schedules/x").send().await.unwrap();
    assert_eq!(problem(gone).await, "not-found");
}
