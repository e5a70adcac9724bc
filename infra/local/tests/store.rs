//! The store on a disk that is full in the middle of a commit. Alone in its program: the limit is the process's.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use std::path::Path;

use local_cloud::store::{Space, Store};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};

const VALUE: [u8; 4096] = [7; 4096];
/// Writes beyond this place of a file fail.
const LIMIT: u64 = 1 << 20;

fn put(store: &Store, space: &Space, number: u32) -> Result<(), local_cloud::seams::ServiceError> {
    let mut batch = store.batch();
    batch.put_bytes(space, format!("{number:08}"), &VALUE);
    batch.put_bytes(space, "newest", &number.to_be_bytes());
    store.commit(batch)
}

#[test]
fn what_was_reported_as_failed_is_seen_by_nobody_and_what_was_acknowledged_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    // Otherwise the kernel ends the process; the store's own threads inherit this.
    SigSet::from(Signal::SIGXFSZ).thread_block().unwrap();
    let (soft, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    let acknowledged = {
        let store = Store::open(dir.path()).unwrap();
        let space = store.space("things").unwrap();
        setrlimit(Resource::RLIMIT_FSIZE, LIMIT, hard).unwrap();
        let failed = (0..).find(|number| put(&store, &space, *number).is_err()).unwrap();
        assert!(failed > 100, "{failed}");
        assert_eq!(space.get_bytes("newest").unwrap(), Some((failed - 1).to_be_bytes().to_vec()));
        assert_eq!(space.get_bytes(format!("{failed:08}")).unwrap(), None);
        setrlimit(Resource::RLIMIT_FSIZE, soft, hard).unwrap();
        let error = put(&store, &space, failed + 1).unwrap_err();
        assert!(error.message.contains("unknown"), "nothing is written behind a gap: {error:?}");
        assert_eq!(space.get_bytes("newest").unwrap(), Some((failed - 1).to_be_bytes().to_vec()));
        failed
    };
    whole_batches_only(dir.path(), acknowledged);
}

/// What was acknowledged is there; the one after it may be, but then as a whole.
fn whole_batches_only(path: &Path, acknowledged: u32) {
    let store = Store::open(path).unwrap();
    let space = store.space("things").unwrap();
    let newest = u32::from_be_bytes(space.get_bytes("newest").unwrap().unwrap().try_into().unwrap());
    assert!(newest + 1 == acknowledged || newest == acknowledged, "{newest} of {acknowledged}");
    for number in 0..=newest {
        assert_eq!(space.get_bytes(format!("{number:08}")).unwrap().as_deref(), Some(&VALUE[..]), "{number}");
    }
    assert_eq!(space.scan_bytes("").unwrap().len() as u32, newest + 2);
    put(&store, &space, newest + 1).unwrap();
}
