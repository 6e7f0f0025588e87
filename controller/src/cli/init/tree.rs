//! The directories of a new fleet on disk: written beside, and put in place in one step.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use shared::durable::{Readers, parent_of, replace_file, sync_directory};

use super::super::context::CONTEXT_NAME;
use super::super::failure::Failure;
use super::Protection;
use super::papers::{CONTROLLER, OfflineKey, Papers};
use super::wanted::Wanted;
use crate::auth::Token;
use crate::config::{Filled, OperatorEntry};
use crate::key_file::{KeyError, KeyFile, KeyRole, OnlineKeys, Unlock};

/// Keys that are sealed at the same time: each takes 128 MiB while it lasts.
const SEALED_AT_ONCE: usize = 4;

/// The directories, parents first.
const DIRECTORIES: [&str; 9] = [
    "offline",
    "offline/keys",
    "offline/rosters",
    "operator",
    "controller",
    "controller/rosters",
    "controller/data",
    "controller/data/spool",
    "controller/data/blobs",
];

/// Refuses a place where something is already.
pub(super) fn refuse_existing(directory: &Path) -> Result<(), Failure> {
    let shown = directory.display();
    match fs::read_dir(directory).map(|mut entries| entries.next().is_some()) {
        Ok(false) => Ok(()),
        Ok(true) => Err(Failure::because(format_args!("{shown} is not empty"))
            .hint("keys are never overwritten: choose a new directory")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => {
            Err(Failure::new(error).context(format!("{shown} cannot become a fleet's directory")))
        }
    }
}

/// Where a key lies, from the fleet's directory.
pub(super) fn key_path(key: &OfflineKey, protect: &Unlock) -> PathBuf {
    let ending = match protect {
        Unlock::Passphrase(_) => "age",
        Unlock::InsecureDev => "insecure.toml",
    };
    let folder = match key.role {
        KeyRole::RootCa | KeyRole::ServerCa => "offline",
        KeyRole::Root | KeyRole::Release | KeyRole::Approver => "offline/keys",
    };
    Path::new(folder).join(format!("{}.key.{ending}", key.name))
}

/// Writes everything, or leaves nothing behind.
pub(super) fn write(
    directory: &Path,
    wanted: &Wanted,
    papers: &Papers,
    protection: &Protection,
) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(error).context(format!("cannot make {}", directory.display()))
    };
    let parent = parent_of(directory);
    fs::create_dir_all(parent).map_err(failed)?;
    let staged = tempfile::Builder::new().prefix(".tillward-init-").tempdir_in(parent);
    let staged = staged.map_err(failed)?;
    let root = staged.path();
    for name in DIRECTORIES {
        DirBuilder::new().mode(0o700).create(root.join(name)).map_err(failed)?;
    }
    write_offline(root, papers, &protection.offline)?;
    write_controller(root, wanted, papers, &protection.online)?;
    write_operator(root, wanted, papers)?;
    for name in DIRECTORIES {
        sync_directory(&root.join(name)).map_err(failed)?;
    }
    fs::set_permissions(root, Permissions::from_mode(0o755)).map_err(failed)?;
    sync_directory(root).map_err(failed)?;
    // Succeeds over nothing or an empty directory only.
    fs::rename(root, directory).map_err(failed)?;
    let _now_in_place = staged.keep();
    sync_directory(parent).map_err(failed)
}

fn write_offline(root: &Path, papers: &Papers, protect: &Unlock) -> Result<(), Failure> {
    let keys: Vec<_> = papers.offline_keys().collect();
    for some in keys.chunks(SEALED_AT_ONCE) {
        let written: Result<Vec<()>, KeyError> = std::thread::scope(|scope| {
            let seal = |key: &&OfflineKey| {
                let path = root.join(key_path(key, protect));
                let OfflineKey { role, owner, secret, .. } = *key;
                KeyFile::create(&path, papers.fleet, *role, owner, secret, protect)
            };
            let running: Vec<_> = some.iter().map(|key| scope.spawn(move || seal(key))).collect();
            let ended = running.into_iter();
            ended.map(|thread| thread.join().expect("sealing does not panic")).collect()
        });
        written?;
    }
    let put = |name: &str, bytes: &[u8]| {
        replace_file(&root.join("offline").join(name), bytes, Readers::Anyone)
    };
    put("root-ca.pem", papers.certificates.root_ca.as_bytes())?;
    put("server-ca.pem", papers.certificates.server_ca.as_bytes())?;
    put("rosters/1.cose", &papers.roster.to_bytes())?;
    Ok(())
}

fn write_controller(
    root: &Path,
    wanted: &Wanted,
    papers: &Papers,
    protect: &Unlock,
) -> Result<(), Failure> {
    let folder = root.join("controller");
    let (secrets, insecure_dev) = match protect {
        Unlock::Passphrase(_) => (OnlineKeys::SEALED_NAME, false),
        Unlock::InsecureDev => (OnlineKeys::INSECURE_NAME, true),
    };
    papers.online.create(&folder.join(secrets), protect)?;
    let put = |name: &str, bytes: &[u8]| replace_file(&folder.join(name), bytes, Readers::Anyone);
    let certificates = &papers.certificates;
    put("root-ca.pem", certificates.root_ca.as_bytes())?;
    put("device-ca.pem", certificates.device_ca.as_bytes())?;
    put("server-ca.pem", certificates.server_ca.as_bytes())?;
    put("server.pem", certificates.server_chain.as_bytes())?;
    put(&format!("{CONTROLLER}.pem"), certificates.controller_chain.as_bytes())?;
    put("rosters/1.cose", &papers.roster.to_bytes())?;
    // Unprotected keys are for one machine, and so is what they serve.
    let anywhere = if insecure_dev { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    let listen = |port| SocketAddr::from((anywhere, port));
    let configuration = Filled {
        fleet: papers.fleet,
        https_listen: listen(wanted.https_port),
        https_url: &wanted.url(),
        broker_listen: listen(wanted.broker_port),
        broker_address: &wanted.broker(),
        secrets_file: secrets,
        insecure_dev,
        operator: &OperatorEntry {
            name: wanted.operator.clone(),
            token_sha256: papers.token.digest(),
        },
    };
    let configuration = configuration.to_text();
    put("controller.toml", configuration.as_bytes())?;
    Ok(())
}

fn write_operator(root: &Path, wanted: &Wanted, papers: &Papers) -> Result<(), Failure> {
    OperatorPapers {
        url: &wanted.url().to_string(),
        server_ca: papers.certificates.server_ca.as_bytes(),
        roster: &papers.roster.to_bytes(),
        token: &papers.token,
    }
    .write(&root.join("operator"))
}

/// What one operator works with.
pub(in super::super) struct OperatorPapers<'a> {
    pub(in super::super) url: &'a str,
    /// PEM.
    pub(in super::super) server_ca: &'a [u8],
    pub(in super::super) roster: &'a [u8],
    pub(in super::super) token: &'a Token,
}

impl OperatorPapers<'_> {
    pub(in super::super) fn write(&self, folder: &Path) -> Result<(), Failure> {
        let put =
            |name: &str, bytes: &[u8], readers| replace_file(&folder.join(name), bytes, readers);
        put("server-ca.pem", self.server_ca, Readers::Anyone)?;
        put("roster.cose", self.roster, Readers::Anyone)?;
        put("token", format!("{}\n", self.token.expose()).as_bytes(), Readers::Owner)?;
        let context = OPERATOR.replace("@URL@", self.url);
        put(CONTEXT_NAME, context.as_bytes(), Readers::Anyone)?;
        Ok(())
    }
}

const OPERATOR: &str = include_str!("operator.toml");
