//! A host that says nothing to a sale until the test lets it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use serde_json::{Value, json};

use crate::wait::LONG;

pub(crate) struct FakeHost {
    pub(crate) port: u16,
    asked: Receiver<()>,
    let_go: Sender<()>,
}

impl FakeHost {
    /// The first sale waits for [`FakeHost::let_go`]; everything after it is answered at once.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (has_asked, asked) = mpsc::channel();
        let (let_go, may_answer) = mpsc::channel();
        thread::spawn(move || {
            let mut withheld = Some((has_asked, may_answer));
            for stream in listener.incoming().map_while(Result::ok) {
                converse(stream, &mut withheld);
            }
        });
        Self { port, asked, let_go }
    }

    pub(crate) fn wait_until_a_sale_is_asked_for(&self) {
        self.asked.recv_timeout(LONG).unwrap();
    }

    pub(crate) fn let_go(&self) {
        self.let_go.send(()).unwrap();
    }
}

fn converse(stream: TcpStream, withheld: &mut Option<(Sender<()>, Receiver<()>)>) {
    let mut writer = stream.try_clone().unwrap();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let ask: Value = serde_json::from_str(&line).unwrap();
        let answer = match ask["do"].as_str().unwrap() {
            "authorise" => {
                if let Some((has_asked, may_answer)) = withheld.take() {
                    has_asked.send(()).ok();
                    may_answer.recv().ok();
                }
                json!("approved")
            }
            "upload" => json!("taken"),
            "reverse" => json!("reversed"),
            "diagnose" => json!({"here": {"host": "a"}}),
            other => panic!("the till asks for {other}"),
        };
        if writeln!(writer, "{answer}").is_err() {
            return;
        }
    }
}
