//! JSON lines: bounded reading, and a service that answers requests as they come, in any order.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::places::{Place, Places};
use crate::print;
use crate::protocol::{Code, Outcome, Refusal, Request, answer_line};

/// The longest line of the protocol, its end included.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;

/// Requests worked on at once for one caller. An agent has one or two under way; the rest is for
/// requests that it has given up on while the till hangs.
const IN_FLIGHT_MAX: usize = 16;

/// What reading a line came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Without its end.
    Whole(Vec<u8>),
    /// Longer than [`LINE_BYTES_MAX`]; it has been skipped.
    TooLong,
    /// The other side is gone. A last line without an end is a torn one, and counts as none.
    End,
}

/// Reads the next line, however long it claims to be, in bounded memory.
pub(crate) fn read_line(reader: &mut impl BufRead) -> io::Result<Line> {
    let mut line = Vec::new();
    let mut limited = reader.by_ref().take(LINE_BYTES_MAX as u64);
    limited.read_until(b'\n', &mut line)?;
    if line.pop_if(|last| *last == b'\n').is_some() {
        return Ok(Line::Whole(line));
    }
    if line.len() < LINE_BYTES_MAX {
        return Ok(Line::End);
    }
    Ok(if skip_rest_of_line(reader)? { Line::TooLong } else { Line::End })
}

/// False when the input ends before the line does.
fn skip_rest_of_line(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// Something that answers requests.
pub(crate) trait Service: Send + Sync + 'static {
    /// Called on a thread of its own for each request. Dropping `reply` unsent gives no answer.
    fn serve(&self, request: Request, reply: Reply);
}

/// The place of one answer.
pub(crate) struct Reply {
    id: u64,
    writer: Arc<Mutex<dyn Write + Send>>,
    _place: Place,
}

impl Reply {
    pub(crate) fn send(self, outcome: &Outcome) {
        let line = answer_line(self.id, outcome);
        self.send_line(&line);
    }

    /// Sends a line that is an answer already, or is meant to be none.
    pub(crate) fn send_line(self, line: &str) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = writeln!(writer, "{line}").and_then(|()| writer.flush());
        if let Err(error) = sent {
            print::note(&format!("nobody took the answer to request {}: {error}", self.id));
        }
    }
}

/// Reads requests until the input ends, each answered by `service` on a thread of its own. A line
/// from which no id can be read cannot be answered; stderr says so.
pub(crate) fn serve(
    reader: impl Read,
    writer: impl Write + Send + 'static,
    service: &Arc<impl Service>,
) -> io::Result<()> {
    let mut reader = BufReader::new(reader);
    let writer: Arc<Mutex<dyn Write + Send>> = Arc::new(Mutex::new(writer));
    let in_flight = Places::new(IN_FLIGHT_MAX);
    loop {
        let line = match read_line(&mut reader)? {
            Line::Whole(line) => line,
            Line::TooLong => {
                print::note("skipped a line of more than 64 KiB");
                continue;
            }
            Line::End => return Ok(()),
        };
        let request = match Request::read(&line) {
            Ok(request) => request,
            Err(why) => {
                print::note(&format!("skipped a line that is not a request: {why}"));
                continue;
            }
        };
        let Some(place) = in_flight.take() else {
            let full = Refusal::new(Code::NotReady, "too many requests are under way");
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            writeln!(writer, "{}", answer_line(request.id, &Err(full)))?;
            writer.flush()?;
            continue;
        };
        let reply = Reply { id: request.id, writer: Arc::clone(&writer), _place: place };
        let service = Arc::clone(service);
        thread::spawn(move || service.serve(request, reply));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<Line> {
        let mut reader = BufReader::with_capacity(7, bytes);
        let mut lines = Vec::new();
        loop {
            lines.push(read_line(&mut reader).unwrap());
            if lines.last() == Some(&Line::End) {
                return lines;
            }
        }
    }

    #[test]
    fn a_torn_last_line_is_no_line() {
        assert_eq!(lines(b"a\n\nbc"), [Line::Whole(b"a".into()), Line::Whole(vec![]), Line::End]);
    }

    #[test]
    fn a_line_at_the_limit_is_read_and_one_byte_more_is_skipped() {
        let longest = [vec![b'x'; LINE_BYTES_MAX - 1], b"\n".to_vec()].concat();
        let too_long = [vec![b'x'; LINE_BYTES_MAX], b"\nnext\n".to_vec()].concat();
        assert_eq!(lines(&longest), [Line::Whole(vec![b'x'; LINE_BYTES_MAX - 1]), Line::End]);
        assert_eq!(lines(&too_long), [Line::TooLong, Line::Whole(b"next".into()), Line::End]);
        assert_eq!(lines(&vec![b'x'; 3 * LINE_BYTES_MAX]), [Line::End]);
    }

    struct Echo;
    impl Service for Echo {
        fn serve(&self, request: Request, reply: Reply) {
            reply.send(&Ok(request.verb.into()));
        }
    }

    #[test]
    fn lines_that_are_no_requests_are_skipped_and_the_next_is_answered() {
        let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let server = thread::spawn(move || {
            serve(theirs.try_clone().unwrap(), theirs, &Arc::new(Echo)).unwrap();
        });
        ours.write_all(b"\n[]\n{\"do\":\"status\"}\n{\"id\":-1,\"do\":\"x\"}\n\xff\n").unwrap();
        ours.write_all(b"{\"id\":9,\"do\":\"status\"}\n").unwrap();
        let mut answer = String::new();
        BufReader::new(&ours).read_line(&mut answer).unwrap();
        assert_eq!(answer, "{\"id\":9,\"ok\":\"status\"}\n");
        ours.shutdown(std::net::Shutdown::Write).unwrap();
        server.join().unwrap();
    }
}
