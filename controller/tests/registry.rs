//! The registry's conformance suite against PostgreSQL. (Against SQLite it is a unit test.)
//!
//! `TILLWARD_TEST_POSTGRES` names a server on which databases may be made; `tests/run` starts one.

use std::env;
use std::process;

use controller::registry::conformance::{CHECKS, in_new_postgres_database};

#[tokio::test]
async fn postgres_conforms() {
    let url = env::var("TILLWARD_TEST_POSTGRES").expect(
        "TILLWARD_TEST_POSTGRES is not set: give it the URL of a PostgreSQL server on which \
         databases may be made, or run `tests/run`, which starts one",
    );
    for (number, (name, check)) in CHECKS.iter().enumerate() {
        println!("{name}");
        let database = format!("tillward_{}_{number}", process::id());
        let registry = in_new_postgres_database(&url, &database).await;
        check(&*registry.expect("the server makes databases")).await;
    }
}
