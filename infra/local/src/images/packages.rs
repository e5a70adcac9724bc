//! A short way to write packages down, and the repository made of them (crate `rpm`, createrepo_c).

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use rpm::{BuildConfig, CompressionWithLevel, Dependency, FileOptions, PackageBuilder};

use super::missing;
use crate::guest::context;

/// Every file's time, so that the same recipe gives the same package: 2022-01-27, as the image's name
/// says. Epoch seconds.
const SOURCE_DATE: u32 = 1_643_241_600;

/// A package to be built.
pub(super) struct Package {
    name: String,
    version: String,
    release: String,
    arch: &'static str,
    /// Another than the repository's.
    vendor: Option<&'static str>,
    requires: Vec<String>,
    provides: Vec<String>,
    obsoletes: Vec<String>,
    files: Vec<(String, Content)>,
    post: Option<String>,
    posttrans: Option<String>,
    preun: Option<String>,
}

enum Content {
    Bytes {
        mode: u16,
        bytes: Vec<u8>,
    },
    /// Kept by rpm when a person changed it.
    Config(String),
    Link(String),
    Dir {
        mode: u16,
    },
}

impl Package {
    pub(super) fn new(name: &str, version: &str, release: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            release: release.to_owned(),
            arch: "x86_64",
            vendor: None,
            requires: Vec::new(),
            provides: Vec::new(),
            obsoletes: Vec::new(),
            files: Vec::new(),
            post: None,
            posttrans: None,
            preun: None,
        }
    }

    /// Builds it for another architecture.
    pub(super) fn arch(mut self, arch: &'static str) -> Self {
        self.arch = arch;
        self
    }

    /// Says that somebody else than the repository's owner made it.
    pub(super) fn vendor(mut self, vendor: &'static str) -> Self {
        self.vendor = Some(vendor);
        self
    }

    /// `name` or `name OP version`.
    pub(super) fn requires(mut self, needs: &[&str]) -> Self {
        self.requires.extend(needs.iter().map(|need| (*need).to_owned()));
        self
    }

    /// Beside its own name.
    pub(super) fn provides(mut self, gives: &[&str]) -> Self {
        self.provides.extend(gives.iter().map(|give| (*give).to_owned()));
        self
    }

    /// What it replaces.
    pub(super) fn obsoletes(mut self, old: &[&str]) -> Self {
        self.obsoletes.extend(old.iter().map(|old| (*old).to_owned()));
        self
    }

    fn with(mut self, path: &str, content: Content) -> Self {
        self.files.push((path.to_owned(), content));
        self
    }

    /// Whether its name ends with this word.
    pub(super) fn is(&self, word: &str) -> bool {
        self.name.ends_with(word)
    }

    /// The same as `text`, in place.
    pub(super) fn push_text(&mut self, path: &str, text: &str) {
        self.files.push((path.to_owned(), Content::Bytes { mode: 0o644, bytes: text.into() }));
    }

    /// The same as `config`, in place.
    pub(super) fn push_config(&mut self, path: &str, text: &str) {
        self.files.push((path.to_owned(), Content::Config(text.to_owned())));
    }

    /// A text file, mode 644.
    pub(super) fn text(self, path: &str, text: &str) -> Self {
        self.file(path, text)
    }

    /// Any file, mode 644.
    pub(super) fn file(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(path, Content::Bytes { mode: 0o644, bytes: bytes.into() })
    }

    /// An executable file.
    pub(super) fn program(self, path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(path, Content::Bytes { mode: 0o755, bytes: bytes.into() })
    }

    /// `%config(noreplace)`.
    pub(super) fn config(self, path: &str, text: &str) -> Self {
        self.with(path, Content::Config(text.to_owned()))
    }

    /// Bytes that do not compress, the same for the same package and path.
    pub(super) fn payload(self, path: &str, bytes: usize) -> Self {
        let seed = format!("{} {} {path}", self.name, self.version);
        let seed = seed
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let mut random = fastrand::Rng::with_seed(seed);
        let mut content = vec![0; bytes];
        random.fill(&mut content);
        self.with(path, Content::Bytes { mode: 0o755, bytes: content })
    }

    /// A symbolic link.
    pub(super) fn link(self, path: &str, target: &str) -> Self {
        self.with(path, Content::Link(target.to_owned()))
    }

    /// A directory.
    pub(super) fn dir(self, path: &str, mode: u16) -> Self {
        self.with(path, Content::Dir { mode })
    }

    /// `%post`.
    pub(super) fn post(mut self, script: &str) -> Self {
        self.post = Some(script.to_owned());
        self
    }

    /// `%posttrans`.
    pub(super) fn posttrans(mut self, script: &str) -> Self {
        self.posttrans = Some(script.to_owned());
        self
    }

    /// `%preun`.
    pub(super) fn preun(mut self, script: &str) -> Self {
        self.preun = Some(script.to_owned());
        self
    }

    fn write(&self, vendor: &str, dir: &Path) -> Result<(), rpm::Error> {
        let mut builder = PackageBuilder::new(&self.name, &self.version, "Apache-2.0", self.arch, &self.name);
        builder
            .using_config(BuildConfig::v4().compression(CompressionWithLevel::Zstd(1)).source_date(SOURCE_DATE))
            .release(self.release.clone())
            .vendor(self.vendor.unwrap_or(vendor));
        for (path, content) in &self.files {
            match content {
                Content::Bytes { mode, bytes } => {
                    builder.with_file_contents(bytes.clone(), FileOptions::new(path).permissions(*mode))?
                }
                Content::Config(text) => {
                    builder.with_file_contents(text.clone(), FileOptions::new(path).config().noreplace())?
                }
                Content::Link(target) => builder.with_symlink(FileOptions::symlink(path, target))?,
                Content::Dir { mode } => builder.with_dir_entry(FileOptions::dir(path).permissions(*mode))?,
            };
        }
        for need in &self.requires {
            builder.requires(dependency(need));
        }
        for give in &self.provides {
            builder.provides(dependency(give));
        }
        for old in &self.obsoletes {
            builder.obsoletes(dependency(old));
        }
        if let Some(script) = &self.post {
            builder.post_install_script(script.as_str());
        }
        if let Some(script) = &self.posttrans {
            builder.post_trans_script(script.as_str());
        }
        if let Some(script) = &self.preun {
            builder.pre_uninstall_script(script.as_str());
        }
        let file = format!("{}-{}-{}.{}.rpm", self.name, self.version, self.release, self.arch);
        builder.build()?.write_file(dir.join(file))
    }
}

fn dependency(text: &str) -> Dependency {
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        [name, "=", version] => Dependency::eq(name, version),
        [name, "<", version] => Dependency::less(name, version),
        [name, ">=", version] => Dependency::greater_eq(name, version),
        _ => Dependency::any(text),
    }
}

/// Writes the packages, as `vendor`'s, and the repository's metadata into `dir`.
pub(super) fn write_repo(dir: &Path, vendor: &str, packages: &[Package]) -> io::Result<()> {
    let files = dir.join("Packages");
    fs::create_dir_all(&files)?;
    for package in packages {
        package
            .write(vendor, &files)
            .map_err(|error| context(format_args!("build package {}", package.name))(io::Error::other(error)))?;
    }
    let output = Command::new("createrepo_c")
        .arg("--quiet")
        .arg(dir)
        .output()
        .map_err(missing("createrepo_c", "createrepo-c"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}
