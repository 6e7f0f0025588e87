//! An S3 server on loopback, over a directory: `s3-server DIRECTORY PORT ACCESS_KEY SECRET_KEY`.
//! Each folder in the directory is a bucket. It checks signatures, keeps to `If-None-Match`, and is
//! ended by a signal.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    DeleteObjectInput, DeleteObjectOutput, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput, ListObjectsV2Input, ListObjectsV2Output, PutObjectInput, PutObjectOutput,
    UploadPartInput, UploadPartOutput,
};
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Of each part of a key. The file system makes one file name of a whole key and more, and our keys
/// would make it too long.
const PART_CHARS: usize = 24;

fn shortened(key: &str) -> String {
    let parts = key.split('/').map(|part| &part[part.len().saturating_sub(PART_CHARS)..]);
    parts.collect::<Vec<_>>().join("/")
}

struct Shortened(FileSystem);

macro_rules! by_shortened_key {
    ($($name:ident: $input:ident => $output:ident;)+) => {
        #[async_trait::async_trait]
        impl S3 for Shortened {
            $(async fn $name(
                &self,
                mut request: S3Request<$input>,
            ) -> S3Result<S3Response<$output>> {
                request.input.key = shortened(&request.input.key);
                self.0.$name(request).await
            })+

            async fn list_objects_v2(
                &self,
                mut request: S3Request<ListObjectsV2Input>,
            ) -> S3Result<S3Response<ListObjectsV2Output>> {
                request.input.prefix = request.input.prefix.as_deref().map(shortened);
                self.0.list_objects_v2(request).await
            }
        }
    };
}

by_shortened_key! {
    abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput;
    complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput;
    create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput;
    delete_object: DeleteObjectInput => DeleteObjectOutput;
    get_object: GetObjectInput => GetObjectOutput;
    head_object: HeadObjectInput => HeadObjectOutput;
    put_object: PutObjectInput => PutObjectOutput;
    upload_part: UploadPartInput => UploadPartOutput;
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().with_context(|| format!("{what} is missing"));
    let directory = next("the directory")?;
    let port: u16 = next("the port")?.parse().context("the port")?;
    let (access_key, secret_key) = (next("the access key")?, next("the secret key")?);

    let files = FileSystem::new(&directory);
    let files = files.map_err(|error| anyhow::anyhow!("`{directory}`: {error:?}"))?;
    let mut service = S3ServiceBuilder::new(Shortened(files));
    service.set_auth(SimpleAuth::from_single(access_key, secret_key));
    let service = service.build();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.context("listening")?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.context("accepting")?;
        let service = service.clone();
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            // Whoever goes away in the middle is expected to.
            let _ended = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
