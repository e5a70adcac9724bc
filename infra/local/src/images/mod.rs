//! Images: root file systems that disks are made from, built once on this machine.
//!
//! Enterprise Linux images are small distributions of synthetic packages, real to rpm and dnf, with
//! the names and versions of the originals; their repositories are built by this module and served by
//! the mirror, so a migration between them is a real dnf transaction. The tools that carry out most
//! migrations are stand-ins (`tools`). Debian images are Debian. Everything built carries a hash of its recipe in its name: what changed is
//! built anew, what exists is never changed.

mod catalogue;
mod debian;
mod el;
mod packages;
mod systems;
mod toolbox;
mod tools;
mod windows;

use catalogue::Recipe;
pub use catalogue::{Image, catalogue, find};
pub(crate) use el::PATHS as REPO_PATHS;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::guest::{Job, context, mapped_root, run_job};

/// Work on a tree, done inside a user namespace.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TreeWork {
    El { name: String, repo: String, extra: Vec<String>, quirks: Vec<String> },
    Debian { name: String, suite: String, shop: bool },
    Windows { name: String, windows: windows::Build },
    WindowsMedia { name: String, media: windows::Build },
}

/// Inside the namespace: builds `<place>/trees/<name>`.
pub(crate) fn build_tree(work: &TreeWork, place: &Path) -> io::Result<()> {
    let (TreeWork::El { name, .. }
    | TreeWork::Debian { name, .. }
    | TreeWork::Windows { name, .. }
    | TreeWork::WindowsMedia { name, .. }) = work;
    let trees = place.join("trees");
    let (new, done) = (trees.join(format!(".new-{name}")), trees.join(name));
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    fs::create_dir(&new)?;
    let root = new.join("fs");
    fs::create_dir(&root)?;
    match work {
        TreeWork::El { repo, extra, quirks, .. } => el::install(place, &root, repo, extra, quirks)?,
        TreeWork::Debian { suite, shop, .. } => debian::install(place, &root, suite, *shop)?,
        TreeWork::Windows { windows, .. } => windows::install(&root, windows)?,
        TreeWork::WindowsMedia { media, .. } => windows::install_media(&root, media)?,
    }
    fs::rename(new, done)
}

/// A directory of built things.
#[derive(Debug)]
pub struct Images {
    dir: PathBuf,
    exe: PathBuf,
    mirror_dir: PathBuf,
}

impl Images {
    /// Opens or creates the store. `exe` is the `local-cloud` program; `mirror_dir` holds the socket
    /// of a running mirror, which Debian is installed from.
    pub(crate) fn open(dir: &Path, exe: &Path, mirror_dir: &Path) -> io::Result<Self> {
        let (uid, gid) = mapped_root();
        let trees = dir.join("trees");
        fs::create_dir_all(&trees)?;
        chown(&trees, Some(uid), Some(gid))?;
        Ok(Self { dir: dir.to_owned(), exe: exe.to_owned(), mirror_dir: mirror_dir.to_owned() })
    }

    /// Where the trees are: directories `<name>/fs`.
    pub(crate) fn trees(&self) -> PathBuf {
        self.dir.join("trees")
    }

    /// Builds an image unless it is there, and everything it is built from; several processes may
    /// ask at once. `progress` is told each longer step before it begins. Errors name the package
    /// that is missing on this machine and how to install it.
    pub fn prepare(&self, image_id: &str, progress: &dyn Fn(&str)) -> io::Result<()> {
        self.ensure(image_id, progress).map(drop)
    }

    /// The same; answers the name of the image's tree.
    pub(crate) fn ensure(&self, image_id: &str, progress: &dyn Fn(&str)) -> io::Result<String> {
        let image = find(image_id)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("image {image_id} does not exist")))?;
        let toolbox = self.toolbox(progress)?;
        let mut binds = vec![(self.trees(), "trees".to_owned()), (toolbox, "toolbox".to_owned())];
        let (name, work) = match image.recipe {
            Recipe::El { repo, extra, quirks } => {
                let repos = self.repos(progress)?;
                let name =
                    format!("{}-{}", image_id, version(&[&repos.to_string_lossy(), &format!("{:?}", image.recipe)]));
                binds.push((repos, "repos".to_owned()));
                let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
                let (extra, quirks) = (owned(extra), owned(quirks));
                (name.clone(), TreeWork::El { name, repo: repo.to_owned(), extra, quirks })
            }
            Recipe::Debian { suite, shop } => {
                let name = format!("{}-{}", image_id, version(&[debian::SOURCE, suite, &shop.to_string()]));
                binds.push((self.mirror_dir.clone(), "mirror".to_owned()));
                (name.clone(), TreeWork::Debian { name, suite: suite.to_owned(), shop })
            }
            Recipe::Windows(system) => {
                let name = format!("{}-{}", image_id, version(&windows::sources()));
                (name.clone(), TreeWork::Windows { name, windows: system.into() })
            }
            Recipe::WindowsMedia(system) => {
                let name = format!("{}-{}", image_id, version(&windows::sources()));
                (name.clone(), TreeWork::WindowsMedia { name, media: system.into() })
            }
        };
        self.once(&self.trees().join(&name), || {
            progress(&format!("building image {image_id}"));
            run_job(&self.exe, binds, Job::Image(work)).map(drop)
        })?;
        Ok(name)
    }

    /// The package tools for guests and for building, built unless they are there.
    pub(crate) fn toolbox(&self, progress: &dyn Fn(&str)) -> io::Result<PathBuf> {
        let built = self.dir.join(format!("toolbox-{}", version(&[toolbox::SOURCE, &toolbox::host_version()?])));
        self.once(&built, || {
            progress("building the toolbox: dnf, rpm and python for the guests");
            let new = temporary(&built);
            toolbox::build(&new)?;
            fs::rename(new, &built)
        })?;
        Ok(built)
    }

    /// The Enterprise Linux repositories, built unless they are there.
    fn repos(&self, progress: &dyn Fn(&str)) -> io::Result<PathBuf> {
        let built = repos_dir(&self.dir);
        self.once(&built, || {
            progress("building the repositories of the Enterprise Linux systems and of the migration tools");
            let new = temporary(&built);
            el::build_repos(&new)?;
            fs::rename(new, &built)
        })?;
        Ok(built)
    }

    /// Makes `built` with `make` unless it is there; one process at a time.
    fn once(&self, built: &Path, make: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if built.exists() {
            return Ok(());
        }
        let name = built.file_name().unwrap_or_default().to_string_lossy();
        let path = self.dir.join(format!(".lock-{name}"));
        let lock = File::create(&path).map_err(context(format_args!("create {}", path.display())))?;
        lock.lock()?;
        if built.exists() {
            return Ok(());
        }
        let new = temporary(built);
        if new.exists() && !new.starts_with(self.trees()) {
            fs::remove_dir_all(new)?;
        }
        make()
    }
}

/// Where the repositories of this program's recipes are or will be.
pub(crate) fn repos_dir(image_dir: &Path) -> PathBuf {
    image_dir.join(format!("repos-{}", version(&el::sources())))
}

fn temporary(built: &Path) -> PathBuf {
    built.with_file_name(format!(".new-{}", built.file_name().unwrap_or_default().to_string_lossy()))
}

/// Short hash of what a thing is built from.
fn version(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// An error that names the host's missing package.
fn missing(program: &str, package: &str) -> impl FnOnce(io::Error) -> io::Error {
    context(format!("{program} is needed; install it with: sudo apt-get install -y {package}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_tells_recipes_apart() {
        assert_eq!(version(&["a", "b"]), version(&["a", "b"]));
        assert_ne!(version(&["a", "b"]), version(&["ab"]));
    }
}
