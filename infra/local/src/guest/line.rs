//! A guest's line to the mirror.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Whether the mirror can be reached, as each new connection asks.
pub(crate) struct Line {
    up: AtomicBool,
    /// The line is cut as soon as there is such a path.
    once: Mutex<Option<String>>,
}

impl Line {
    /// A line that is `up`, and stays so until there is a path like `once`.
    pub(crate) fn new(up: bool, once: Option<String>) -> Self {
        Self { up: AtomicBool::new(up), once: Mutex::new(once) }
    }

    /// Cuts or mends it.
    pub(super) fn set(&self, up: bool, once: Option<String>) {
        *self.once.lock().unwrap_or_else(PoisonError::into_inner) = once;
        self.up.store(up, Ordering::Release);
    }

    /// Whether a connection gets through.
    pub(super) fn is_up(&self) -> bool {
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        if once.take_if(|pattern| exists(Path::new("/"), pattern)).is_some() {
            self.up.store(false, Ordering::Release);
        }
        self.up.load(Ordering::Acquire)
    }
}

/// Whether there is a path like `pattern` below `root`; `*` stands for any one name.
fn exists(root: &Path, pattern: &str) -> bool {
    let (name, rest) = pattern.trim_start_matches('/').split_once('/').unwrap_or((pattern.trim_start_matches('/'), ""));
    match name {
        "" => root.exists(),
        "*" => fs::read_dir(root).is_ok_and(|names| names.flatten().any(|entry| exists(&entry.path(), rest))),
        name => exists(&root.join(name), rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_any_name() {
        let root = tempfile::tempdir().unwrap();
        assert!(!exists(root.path(), "/a/*/c"));
        fs::create_dir_all(root.path().join("a/b1")).unwrap();
        fs::create_dir_all(root.path().join("a/b2/c")).unwrap();
        for (pattern, there) in [("/a/*/c", true), ("/a/*", true), ("/a/b1/c", false), ("/*/*/d", false), ("/", true)] {
            assert_eq!(exists(root.path(), pattern), there, "{pattern}");
        }
    }

    #[test]
    fn a_line_is_cut_once_and_stays_cut() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("there");
        let line = Line::new(true, Some(file.to_str().unwrap().to_owned()));
        assert!(line.is_up());
        fs::write(&file, "").unwrap();
        assert!(!line.is_up());
        fs::remove_file(&file).unwrap();
        assert!(!line.is_up(), "whatever becomes of the path");
        line.set(true, None);
        assert!(line.is_up());
    }
}
