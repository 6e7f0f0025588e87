//! An S3 server on loopback, over a directory: `s3-server DIRECTORY PORT ACCESS_KEY SECRET_KEY`. Each
//! folder in the directory is a bucket. It checks signatures, keeps to `If-None-Match`, and is ended
//! by a signal.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().with_context(|| format!("{what} is missing"));
    let directory = next("the directory")?;
    let port: u16 = next("the port")?.parse().context("the port")?;
    let (access_key, secret_key) = (next("the access key")?, next("the secret key")?);

    let files = FileSystem::new(&directory);
    let files = files.map_err(|error| anyhow::anyhow!("`{directory}`: {error:?}"))?;
    let mut service = S3ServiceBuilder::new(files);
    service.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let service = service.build();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.context("listening")?;
    loop {
        let (stream, _) = listener.accept().await.context("accepting")?;
        let service = service.clone();
        tokio::spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            // Whoever goes away in the middle is expected to.
            let _ended = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
