//! Whether the comparison of books, on which every other test relies, can find anything.

use anyhow::Result;
use harness::world::{Broker, Registry};

use crate::fleet::Fleet;

#[test]
fn one_sale_that_a_host_has_lost_is_noticed() {
    one_lost_sale().unwrap();
}

fn one_lost_sale() -> Result<()> {
    let mut fleet = Fleet::start(Broker::Embedded, &Registry::Sqlite)?;
    let at = fleet.open_shop("north")?;
    fleet.wait_until_it_sells(at)?;
    fleet.check_books()?;
    let host = fleet.world.hosts.iter().find(|host| host.lose_one_sale().is_ok());
    assert!(host.is_some(), "one of the hosts has a sale to lose");
    let books = fleet.world.audit()?;
    // Once as a sale that the host does not have, once in the total that it settled.
    assert_eq!((&books["total"]["lost"], &books["total"]["doubled"]), (&2.into(), &0.into()));
    assert_eq!(books["findings"][0]["terminal"], "TW-1", "{books:#}");
    Ok(())
}
