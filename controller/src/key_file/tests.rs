//! Keys that are written, read back, mistaken for others and tampered with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

const FLEET: FleetId = FleetId::from_bytes([1; 16]);

fn sealed_with(text: &str) -> Unlock {
    Unlock::Passphrase(Passphrase::new(text))
}

fn online() -> OnlineKeys {
    OnlineKeys {
        fleet: FLEET,
        device_ca: SecretKey::generate(),
        server: SecretKey::generate(),
        controller_client: SecretKey::generate(),
        controller_signing: SecretKey::generate(),
    }
}

#[test]
fn a_sealed_key_shows_its_clear_part_and_opens_with_its_passphrase_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("release-1.key.age");
    let secret = SecretKey::generate();
    let right = sealed_with("correct horse battery staple");
    KeyFile::create(&path, FLEET, KeyRole::Release, "Ana \"A\" Ōta", &secret, &right).unwrap();

    let file = KeyFile::read(&path).unwrap();
    assert_eq!((file.fleet, file.role, file.public), (FLEET, KeyRole::Release, secret.public()));
    assert_eq!(file.owner, "Ana \"A\" Ōta");
    assert!(file.is_sealed());
    assert_eq!(file.open(&right).unwrap().public(), secret.public());
    let wrong = file.open(&sealed_with("incorrect horse")).unwrap_err();
    assert!(matches!(wrong, KeyError::WrongPassphrase(_)), "{wrong:?}");
    let insecure = file.open(&Unlock::InsecureDev).unwrap_err();
    assert!(matches!(insecure, KeyError::Sealed(_)), "{insecure:?}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let text = fs::read_to_string(&path).unwrap();
    let armor = &text[text.find("-----BEGIN AGE").unwrap()..];
    let opened = seal::open(
        &path,
        armor.trim_end_matches("\"\"\"\n").as_bytes(),
        match &right {
            Unlock::Passphrase(passphrase) => passphrase,
            Unlock::InsecureDev => unreachable!("sealed above"),
        },
    );
    assert!(opened.unwrap().contains("secret = "), "the stock age program can open it too");
}

#[test]
fn an_insecure_key_says_so_and_opens_only_for_who_asked_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root-1.key.insecure.toml");
    let secret = SecretKey::generate();
    KeyFile::create(&path, FLEET, KeyRole::Root, "ana", &secret, &Unlock::InsecureDev).unwrap();
    assert!(fs::read_to_string(&path).unwrap().starts_with("# NOT PROTECTED"));

    let file = KeyFile::read(&path).unwrap();
    assert!(!file.is_sealed());
    assert_eq!(file.open(&Unlock::InsecureDev).unwrap().public(), secret.public());
    let refused = file.open(&sealed_with("whatever it is")).unwrap_err();
    assert!(matches!(refused, KeyError::Insecure(_)), "{refused:?}");
}

#[test]
fn a_key_whose_label_was_exchanged_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let right = sealed_with("correct horse battery staple");
    let secret = SecretKey::generate();
    KeyFile::create(&path, FLEET, KeyRole::Release, "ana", &secret, &right).unwrap();
    let text = fs::read_to_string(&path).unwrap();

    fs::write(&path, text.replace("role = \"release\"", "role = \"approver\"")).unwrap();
    let refused = KeyFile::read(&path).unwrap().open(&right).unwrap_err();
    assert!(matches!(refused, KeyError::Relabelled(_)), "{refused:?}");

    let other = SecretKey::generate().public();
    let mine = secret.public();
    fs::write(&path, text.replace(&mine.to_string(), &other.to_string())).unwrap();
    let refused = KeyFile::read(&path).unwrap_err();
    assert!(matches!(refused, KeyError::Relabelled(_)), "{refused:?}");
}

#[test]
fn a_key_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let create = |secret: &SecretKey| {
        KeyFile::create(&path, FLEET, KeyRole::Root, "ana", secret, &Unlock::InsecureDev)
    };
    let first = SecretKey::generate();
    create(&first).unwrap();
    let refused = create(&SecretKey::generate()).unwrap_err();
    assert!(matches!(refused, KeyError::NotWritten(NotWritten::Exists(_))), "{refused:?}");
    assert_eq!(KeyFile::read(&path).unwrap().public, first.public());
}

#[test]
fn a_broken_key_file_is_refused_without_quoting_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let secret = SecretKey::generate();
    KeyFile::create(&path, FLEET, KeyRole::Root, "ana", &secret, &Unlock::InsecureDev).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let digits = text.split("secret = \"").nth(1).unwrap()[..60].to_owned();
    for broken in [
        text.replace("secret = \"", "secret = \"zz"),
        text.replace("secret = \"", "secret = "),
        text.replace("insecure_dev = true", ""),
        text.replace("[", "").replace("role = ", "rule = "),
        String::new(),
    ] {
        fs::write(&path, &broken).unwrap();
        let error = KeyFile::read(&path).unwrap_err();
        assert!(!format!("{error:?}").contains(&digits), "{error:?}");
        assert!(!anyhow::Error::from(error).chain().any(|e| e.to_string().contains(&digits)));
    }
}

#[test]
fn the_controllers_bundle_reads_back_in_both_forms_and_refuses_to_mix_them() {
    let dir = tempfile::tempdir().unwrap();
    let (sealed, plain) = (dir.path().join("secrets.age"), dir.path().join("plain.toml"));
    let keys = online();
    let right = sealed_with("correct horse battery staple");
    keys.create(&sealed, &right).unwrap();
    keys.create(&plain, &Unlock::InsecureDev).unwrap();

    for (path, unlock) in [(&sealed, &right), (&plain, &Unlock::InsecureDev)] {
        let opened = OnlineKeys::open(path, unlock).unwrap();
        assert_eq!(opened.device_ca.public(), keys.device_ca.public());
        assert_eq!(opened.controller_signing.public(), keys.controller_signing.public());
    }
    let refused = OnlineKeys::open(&plain, &right).unwrap_err();
    assert!(matches!(refused, KeyError::Insecure(_)), "{refused:?}");
    let refused = OnlineKeys::open(&sealed, &Unlock::InsecureDev).unwrap_err();
    assert!(matches!(refused, KeyError::Sealed(_)), "{refused:?}");
    let refused = OnlineKeys::open(&sealed, &sealed_with("something else")).unwrap_err();
    assert!(matches!(refused, KeyError::WrongPassphrase(_)), "{refused:?}");
}

#[test]
fn a_passphrase_comes_from_the_first_line_of_a_file_and_a_new_one_must_be_long() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("passphrase");
    let args = PassphraseArgs { passphrase_file: Some(path.clone()) };
    let missing = args.passphrase(Asked::Existing("the keys")).unwrap_err();
    assert!(matches!(missing, NoPassphrase::File { .. }), "{missing:?}");
    fs::write(&path, "\nsecond line").unwrap();
    let empty = args.passphrase(Asked::Existing("the keys")).unwrap_err();
    assert_eq!(empty.to_string(), "the keys: the passphrase is empty");
    fs::write(&path, "short\r\n").unwrap();
    assert!(args.passphrase(Asked::Existing("the keys")).is_ok());
    let short = args.passphrase(Asked::New("the keys")).unwrap_err();
    assert!(matches!(short, NoPassphrase::TooShort { got: 5, .. }), "{short:?}");
    fs::write(&path, "långt nog nu\n").unwrap();
    assert!(args.passphrase(Asked::New("the keys")).is_ok());
}
