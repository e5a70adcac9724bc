//! Images: root file systems that disks are made from, built once on this machine.
//!
//! Enterprise Linux images are small distributions of synthetic packages, real to rpm and dnf, with
//! the names and versions of CentOS 8.5 and Alibaba Cloud Linux 3; their repositories are built by
//! this module and served by the mirror, so a migration between them is a real dnf transaction. Debian
//! images are Debian. Everything built carries a hash of its recipe in its name: what changed is
//! built anew, what exists is never changed.

mod debian;
mod el;
mod packages;
mod systems;
mod toolbox;

pub(crate) use el::PATHS as REPO_PATHS;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::guest::{Job, context, mapped_root, run_job};

/// One image of the local cloud's catalogue.
#[derive(Debug)]
pub struct Image {
    /// As DescribeImages answers it: `centos_8_5_x64_20G_alibase_20220127.vhd`, `m-…` for custom ones.
    pub id: &'static str,
    /// `system` or `self` (ECS API, ImageOwnerAlias).
    pub owner_alias: &'static str,
    /// OSName, in Chinese as the API answers it.
    pub os_name: &'static str,
    /// OSNameEn.
    pub os_name_en: &'static str,
    /// Platform.
    pub platform: &'static str,
    /// What is special about it, for people.
    pub description: &'static str,
    recipe: Recipe,
}

/// How a tree is made.
#[derive(Clone, Copy, Debug)]
enum Recipe {
    /// Packages out of a synthetic repository (`el8`, `alinux3`), and whether `/boot` is small and
    /// nearly full.
    El { repo: &'static str, extra: &'static [&'static str], small_boot: bool },
    /// A Debian release by its suite.
    Debian { suite: &'static str },
}

const fn centos(
    id: &'static str,
    owner_alias: &'static str,
    description: &'static str,
    extra: &'static [&'static str],
    small_boot: bool,
) -> Image {
    let recipe = Recipe::El { repo: el::EL8, extra, small_boot };
    Image {
        id,
        owner_alias,
        os_name: "CentOS  8.5 64位",
        os_name_en: "CentOS  8.5 64 bit",
        platform: "CentOS",
        description,
        recipe,
    }
}

static CATALOGUE: [Image; 8] = [
    centos("centos_8_5_x64_20G_alibase_20220127.vhd", "system", "CentOS 8.5 with a web shop", &[], false),
    centos(
        "m-local-centos85-vendor-agent",
        "self",
        "CentOS 8.5 with a vendor's agent that takes seconds to upgrade",
        &["acme-agent"],
        false,
    ),
    centos(
        "m-local-centos85-shop-plugin",
        "self",
        "CentOS 8.5 whose shop does not start on the target system",
        &["shop-plugin"],
        false,
    ),
    centos(
        "m-local-centos85-i686-full-boot",
        "self",
        "CentOS 8.5 with a 32 bit package and a full /boot",
        &["libstdc++.i686"],
        true,
    ),
    Image {
        id: "aliyun_3_x64_20G_alibase_20240528.vhd",
        owner_alias: "system",
        os_name: "Alibaba Cloud Linux  3.2104 LTS 64位",
        os_name_en: "Alibaba Cloud Linux  3.2104 LTS 64 bit",
        platform: "Aliyun",
        description: "Alibaba Cloud Linux 3 with a web shop",
        recipe: Recipe::El { repo: el::ALINUX3, extra: &[], small_boot: false },
    },
    Image {
        id: "debian_11_11_x64_20G_alibase_20240926.vhd",
        owner_alias: "system",
        os_name: "Debian  11.11 64位",
        os_name_en: "Debian  11.11 64 bit",
        platform: "Debian",
        description: "Debian 11 with a small web application",
        recipe: Recipe::Debian { suite: "bullseye" },
    },
    Image {
        id: "debian_12_12_x64_20G_alibase_20250915.vhd",
        owner_alias: "system",
        os_name: "Debian  12.12 64位",
        os_name_en: "Debian  12.12 64 bit",
        platform: "Debian",
        description: "Debian 12 with a small web application",
        recipe: Recipe::Debian { suite: "bookworm" },
    },
    Image {
        id: "debian_13_1_x64_20G_alibase_20250915.vhd",
        owner_alias: "system",
        os_name: "Debian  13.1 64位",
        os_name_en: "Debian  13.1 64 bit",
        platform: "Debian",
        description: "Debian 13 with a small web application",
        recipe: Recipe::Debian { suite: "trixie" },
    },
];

/// Every image that can be asked for.
pub fn catalogue() -> &'static [Image] {
    &CATALOGUE
}

/// The image with this id.
pub fn find(image_id: &str) -> Option<&'static Image> {
    CATALOGUE.iter().find(|image| image.id == image_id)
}

/// Work on a tree, done inside a user namespace.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TreeWork {
    El { name: String, repo: String, extra: Vec<String>, small_boot: bool },
    Debian { name: String, suite: String },
}

/// Inside the namespace: builds `<place>/trees/<name>`.
pub(crate) fn build_tree(work: &TreeWork, place: &Path) -> io::Result<()> {
    let (TreeWork::El { name, .. } | TreeWork::Debian { name, .. }) = work;
    let trees = place.join("trees");
    let (new, done) = (trees.join(format!(".new-{name}")), trees.join(name));
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    fs::create_dir(&new)?;
    let root = new.join("fs");
    fs::create_dir(&root)?;
    match work {
        TreeWork::El { repo, extra, small_boot, .. } => el::install(place, &root, repo, extra, *small_boot)?,
        TreeWork::Debian { suite, .. } => debian::install(place, &root, suite)?,
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
            Recipe::El { repo, extra, small_boot } => {
                let repos = self.repos(progress)?;
                let name =
                    format!("{}-{}", image_id, version(&[&repos.to_string_lossy(), &format!("{:?}", image.recipe)]));
                binds.push((repos, "repos".to_owned()));
                let extra = extra.iter().map(|package| (*package).to_owned()).collect();
                (name.clone(), TreeWork::El { name, repo: repo.to_owned(), extra, small_boot })
            }
            Recipe::Debian { suite } => {
                let name = format!("{}-{}", image_id, version(&[debian::SOURCE, suite]));
                binds.push((self.mirror_dir.clone(), "mirror".to_owned()));
                (name.clone(), TreeWork::Debian { name, suite: suite.to_owned() })
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
            progress("building the repositories of CentOS 8.5 and Alibaba Cloud Linux 3");
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
    fn ids_are_unique_and_found() {
        for image in catalogue() {
            assert!(std::ptr::eq(find(image.id).unwrap(), image), "{} is there twice", image.id);
            assert_eq!(image.owner_alias == "self", image.id.starts_with("m-"));
        }
        assert!(find("win2019").is_none());
    }

    #[test]
    fn a_version_tells_recipes_apart() {
        assert_eq!(version(&["a", "b"]), version(&["a", "b"]));
        assert_ne!(version(&["a", "b"]), version(&["ab"]));
    }
}
