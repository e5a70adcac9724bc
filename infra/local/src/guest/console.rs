//! The serial console's log: what firmware, boot loader, kernel and init of all boots said, in one file that never
//! grows far.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What is kept of the log when it is cut, and what is answered of it.
pub(super) const KEPT: u64 = 64 * 1024;
/// At this length it is cut.
const LONGEST: u64 = 1024 * 1024;

/// Opens the log for writing at its end.
pub(super) fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).read(true).append(true).open(path)
}

/// Cuts a log that has grown long. What others write in this moment is lost.
pub(super) fn bound(log: &mut File) -> io::Result<()> {
    if log.metadata()?.len() > LONGEST {
        let kept = tail(log)?;
        log.set_len(0)?;
        log.write_all(&kept)?;
    }
    Ok(())
}

/// The end of a log.
pub(super) fn tail(log: &mut File) -> io::Result<Vec<u8>> {
    let start = log.metadata()?.len().saturating_sub(KEPT);
    log.seek(SeekFrom::Start(start))?;
    let mut kept = Vec::new();
    log.take(KEPT).read_to_end(&mut kept)?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_keeps_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.log");
        let mut log = open(&path).unwrap();
        log.write_all(&vec![b'a'; LONGEST as usize]).unwrap();
        bound(&mut log).unwrap();
        assert_eq!(log.metadata().unwrap().len(), LONGEST);
        log.write_all(b"the end").unwrap();
        bound(&mut log).unwrap();
        let mut again = open(&path).unwrap();
        again.write_all(b" of it").unwrap();
        assert_eq!(again.metadata().unwrap().len(), KEPT + 6);
        assert!(tail(&mut log).unwrap().ends_with(b"athe end of it"));
    }
}
