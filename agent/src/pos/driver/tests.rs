//! Real child processes: shell scripts that answer, lie, hang and die.

use std::sync::Barrier;

use super::*;

const STATUS: &str = r#"{"application":{"component":"pos","version":"2.0.0","instance":"x",
    "started_at":1},"work":"free","trading":"open","hold_expires_at":null,"bindings":[]}"#;

/// A driver whose `answer N` prints an empty answer to question N. `patience` scales time limits.
fn driver(script: &str, patience: f64) -> DriverProgram {
    let status = STATUS.replace('\n', "");
    let functions = format!(
        r#"answer() {{ echo "{{\"id\":$1,\"ok\":{{}}}}"; }}
           status() {{ echo "{{\"id\":$1,\"ok\":"'{status}'"}}"; }}"#
    );
    let argv = ["/bin/sh", "-c", &format!("{functions}\n{script}")].map(str::to_owned);
    DriverProgram { patience, ..DriverProgram::new(argv.to_vec()) }
}

/// Long enough for a shell to start on a busy machine.
const GENEROUS: f64 = 1.0;

#[test]
fn a_driver_is_asked_and_answers() {
    let till = driver("read line; status 1; read line; answer 2; read line", GENEROUS);
    assert_eq!(till.status().unwrap().application.version, "2.0.0");
    till.release().unwrap();
}

#[test]
fn answers_may_come_in_any_order() {
    let till = driver("read line; read line; answer 2; answer 1; read line", GENEROUS);
    let both = Barrier::new(2);
    thread::scope(|scope| {
        let asked = [0, 1].map(|_| {
            scope.spawn(|| {
                both.wait();
                till.release()
            })
        });
        for asker in asked {
            asker.join().unwrap().unwrap();
        }
    });
}

#[test]
fn no_answer_means_not_ready() {
    let till = driver("while read line; do :; done", 0.01);
    let error = till.status().unwrap_err();
    assert!(matches!(error, PosError::NoAnswer(_)) && error.is_not_ready(), "{error}");
}

#[test]
fn a_late_answer_is_not_taken_for_the_next_one() {
    let late = "read line; read line; answer 1; answer 1; read line; answer 3; read line";
    let till = driver(late, 0.05);
    assert!(till.status().is_err());
    assert!(till.status().is_err());
    till.state.lock().unwrap().unanswered = 0;
    // Of the questions that are answered by nothing but a yes, this one has the most time.
    assert_eq!(till.hold(Duration::from_secs(1), "test"), Ok(()));
}

#[test]
fn a_driver_that_hangs_is_ended_and_started_anew() {
    let till = driver("read line; read line; read line; read line; status 4; read line", 0.01);
    for _question in 0..UNANSWERED_MAX {
        assert!(matches!(till.status(), Err(PosError::NoAnswer(_))));
    }
    assert!(till.state.lock().unwrap().running.is_none(), "it still runs");
    let again = till.status().unwrap_err();
    assert!(again.is_not_ready(), "{again}");
    assert!(till.state.lock().unwrap().running.is_some(), "it was not started again");
}

#[test]
fn a_driver_that_keeps_dying_is_started_less_and_less_often() {
    let till = driver("exit 1", GENEROUS);
    let mut starts = 0;
    for _question in 0..20 {
        let error = till.status().unwrap_err();
        assert!(error.is_not_ready(), "{error}");
        starts += u32::from(!error.to_string().contains("started again in"));
    }
    assert!(starts <= 3, "{starts} starts");
}

#[test]
fn a_driver_that_is_not_there_is_named() {
    let till = DriverProgram::new(vec!["/no/such/driver".to_owned()]);
    let error = till.status().unwrap_err().to_string();
    assert!(error.contains("`/no/such/driver` cannot be started"), "{error}");
    assert!(DriverProgram::new(Vec::new()).status().unwrap_err().is_not_ready());
}

#[test]
fn a_driver_that_died_between_two_questions_is_replaced_at_once() {
    let till = driver("read line; status 1; status 2; status 3", GENEROUS);
    till.status().unwrap();
    // The pipe may still take a question after the end was near; the one after that finds out.
    let answers = [till.status(), till.status()];
    assert!(answers.iter().any(Result::is_ok), "{answers:?}");
}

#[test]
fn garbage_and_endless_lines_are_skipped() {
    let garbage = format!(
        "read line; echo 'Segmentation fault'; head -c {} /dev/zero | tr '\\0' x; echo;
         echo '{{\"id\":99,\"ok\":{{}}}}'; printf '\\377\\376\\n'; status 1; read line",
        3 * LINE_BYTES_MAX
    );
    driver(&garbage, GENEROUS).status().unwrap();
}

#[test]
fn a_driver_that_does_not_read_blocks_nobody() {
    let till = driver("exec sleep 600", 0.001);
    let notice = "x".repeat(30_000);
    let answers: Vec<_> = (0..2 * QUESTIONS_MAX)
        .map(|_| {
            till.state.lock().unwrap().unanswered = 0;
            till.show_notice(&notice).unwrap_err()
        })
        .collect();
    assert!(answers.iter().all(PosError::is_not_ready), "{answers:?}");
    let full = PosError::NotReady("the driver program does not read".to_owned());
    assert_eq!(answers.last(), Some(&full));
}

#[test]
fn a_line_is_never_held_beyond_its_limit() {
    let mut text = vec![b'x'; LINE_BYTES_MAX - 1];
    text.push(b'\n');
    text.extend(vec![b'y'; LINE_BYTES_MAX]);
    text.extend(b"\n\nlast");
    let mut from = BufReader::with_capacity(100, text.as_slice());
    let mut next = || next_line(&mut from).unwrap();
    assert_eq!(next(), Line::Whole(vec![b'x'; LINE_BYTES_MAX - 1]));
    assert_eq!(next(), Line::TooLong);
    assert_eq!(next(), Line::Whole(Vec::new()));
    assert_eq!(next(), Line::Whole(b"last".to_vec()));
    assert_eq!(next(), Line::End);
}
