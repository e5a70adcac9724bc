//! A tree that stands for a guest's `/`, commands that stand for the guest's package manager and kernel, and the
//! real scripts, run by a real shell with nothing else in their path.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use guest::{Job, Settings};
use migration::MigrationId;
use migration::os::{Family, Os};
use migration::path::{Engine, Hop};

/// What a script may count on in a guest, besides its package manager.
const TOOLS: [&str; 42] = [
    "awk", "basename", "cat", "chmod", "cksum", "cmp", "comm", "cp", "cut", "date", "dirname", "env", "expr", "find",
    "grep", "head", "id", "ln", "ls", "mkdir", "mktemp", "mv", "od", "readlink", "rm", "rmdir", "sed", "sh", "sleep",
    "sort", "stat", "sync", "tail", "test", "timeout", "touch", "tr", "true", "uniq", "wc", "xargs", "kill",
];

/// `rpm` on a list of `name version architecture` in `$R/var/lib/rpm/packages`.
const RPM: &str = r#"
db=$R/var/lib/rpm/packages
match() { awk -v want="$1" '$1 == want || $1 "-" $2 "." $3 == want || $1 "." $3 == want { found = 1 } END { exit !found }' "$db"; }
case $1 in
-qa) awk -v qf="${3-}" '{ line = qf == "" ? "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\\n" : qf
        split($2, v, "-")
        gsub(/%\{NAME\}/, $1, line); gsub(/%\{VERSION\}/, v[1], line); gsub(/%\{RELEASE\}/, v[2], line)
        gsub(/%\{ARCH\}/, $3, line); gsub(/%\{VENDOR\}/, "CentOS", line); gsub(/\\n/, "\n", line); gsub(/\\t/, "\t", line)
        printf "%s", line }' "$db" ;;
-q) match "$2" ;;
-qc) case $2 in zlib*) echo /etc/zlib.conf ;; esac ;;
-qf) case $2 in */CentOS-*) ;; *) exit 1 ;; esac ;;
-V) cat "$R/stub/verify" 2>/dev/null ;;
-Va) cat "$R/stub/dependencies" 2>/dev/null ;;
-e) shift
    for name; do match "$name" || exit 1; done
    for name; do
        kept=$(awk -v gone="$name" '!($1 == gone || $1 "-" $2 "." $3 == gone || $1 "." $3 == gone)' "$db")
        printf '%s\n' "$kept" >"$db"
        # Changed configuration is kept aside.
        case $name in zlib*) mv "$R/etc/zlib.conf" "$R/etc/zlib.conf.rpmsave" ;; esac
    done ;;
-i) for file; do case $file in *.rpm)
        read -r line <"$file" && printf '%s\n' "$line" >>"$db"
        case $file in *zlib*) echo "as delivered" >"$R/etc/zlib.conf" ;; esac
    esac; done
    sort -o "$db" "$db" ;;
*) exit 1 ;;
esac
"#;

/// `dnf` and `yum`: `reinstall --downloadonly` and `install`.
const DNF: &str = r#"
for word; do case $word in --downloaddir=*) dir=${word#*=} ;; reinstall | install | check) verb=$word ;; esac; name=$word; done
case ${verb-} in
reinstall)
    [ ! -e "$R/stub/no-repository" ] || { echo "Curl error (6): Could not resolve host"; exit 1; }
    awk '$3 == "i686"' "$R/var/lib/rpm/packages" | while read -r name version arch; do
        echo "$name $version $arch" >"$dir/$name-$version.$arch.rpm"
    done ;;
install) echo "$name 1-1 x86_64" >>"$R/var/lib/rpm/packages"; echo "$name-libs 1-1 x86_64" >>"$R/var/lib/rpm/packages"
    sort -u -o "$R/var/lib/rpm/packages" "$R/var/lib/rpm/packages" ;;
esac
exit 0
"#;

/// `dpkg` on a list of `name version architecture` in `$R/var/lib/dpkg/packages`; a package's file holds its line.
const DPKG: &str = r#"
db=$R/var/lib/dpkg/packages
case $1 in
--remove | --purge) shift
    for name; do
        kept=$(awk -v gone="$name" '!($1 == gone || $1 ":" $3 == gone)' "$db")
        printf '%s\n' "$kept" >"$db"
    done ;;
-i) shift
    for file; do cat "$file" >>"$db"; done
    sort -o "$db" "$db" ;;
--audit) ;;
*) exit 1 ;;
esac
"#;
const DPKG_QUERY: &str = r#"
awk -v format="$3" -v want="${4-}" 'want == "" || $1 == want || $1 ":" $3 == want {
    line = format
    gsub(/\$\{db:Status-Abbrev\}/, "ii ", line); gsub(/\$\{Package\}/, $1, line); gsub(/\$\{Version\}/, $2, line)
    gsub(/\$\{Architecture\}/, $3, line); gsub(/\$\{Conffiles\}/, "", line); gsub(/\\n/, "\n", line)
    printf "%s", line
    found = 1
} END { exit !found }' "$R/var/lib/dpkg/packages"
"#;
/// `apt-get download`, into the folder where it is called.
const APT_GET: &str = r#"
[ ! -e "$R/stub/no-repository" ] || { echo "E: Failed to fetch http://m/x.deb  Could not resolve 'm'"; exit 100; }
for word; do case $word in *:*=*) name=${word%%:*} version=${word#*=}
    echo "$name $version i386" >"${name}_$(printf %s "$version" | sed 's/:/%3a/')_i386.deb" ;;
esac; done
"#;

/// `mount` and `umount` speak of plain names, the tables of names with `\040`. What is mounted below a place is not seen
/// any more when something is mounted over it.
const UMOUNT: &str = r#"
left=$(T=$(printf %s "$1" | sed 's/ /\\040/g') awk '$2 != ENVIRON["T"]' "$R/proc/mounts")
printf '%s\n' "$left" >"$R/proc/mounts""#;
const MOUNT: &str = r#"
left=$(T=$(printf %s "$1/" | sed 's/ /\\040/g') awk 'index($2, ENVIRON["T"]) != 1' "$R/proc/mounts")
printf '%s\n' "$left" >"$R/proc/mounts"
T=$(printf %s "$1" | sed 's/ /\\040/g') awk '$2 == ENVIRON["T"] { print $1, $2, $3, "rw 0 0"; found = 1 } END { exit !found }' \
    "$R/etc/fstab" >>"$R/proc/mounts""#;

const STUBS: [(&str, &str); 16] = [
    ("rpm", RPM),
    ("yum", DNF),
    ("uname", "case $1 in -m) echo x86_64 ;; *) cat \"$R/stub/uname\" ;; esac"),
    ("df", "echo header\necho \"x 9000000 1 ${FREE_KIB-8000000} 1% /\""),
    ("umount", UMOUNT),
    ("mount", MOUNT),
    ("rmmod", "left=$(awk -v m=\"$1\" '$1 != m' \"$R/proc/modules\"); echo \"$left\" >\"$R/proc/modules\""),
    ("modprobe", "echo \"$1 1 0 - Live 0x0\" >>\"$R/proc/modules\"; sort -o \"$R/proc/modules\" \"$R/proc/modules\""),
    ("sshd", "cat \"$R/stub/sshd\" 2>/dev/null"),
    ("restorecon", ":"),
    ("apt-mark", "cat \"$R/stub/holds\" 2>/dev/null"),
    ("apt-get", "echo 'E: nothing here'; exit 100"),
    ("dpkg", ":"),
    ("dpkg-query", "cat \"$R/stub/dpkg\" 2>/dev/null"),
    ("getenforce", "cat \"$R/stub/enforcing\" 2>/dev/null"),
    ("setenforce", "echo Enforcing >\"$R/stub/enforcing\""),
];

/// Commands that change something: each is a point where a script may be cut off.
pub const CUT_POINTS: [&str; 12] =
    ["cat", "cp", "ln", "mkdir", "mount", "mv", "rm", "rmdir", "rmmod", "rpm", "umount", "yum"];

/// Whose commands the scripts find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Userland {
    /// This machine's own.
    Host,
    /// busybox alone.
    Busybox,
}

/// A guest.
pub struct Root {
    dir: tempfile::TempDir,
    /// `/` of it.
    pub root: PathBuf,
    /// What interprets its scripts.
    pub shell: Vec<&'static str>,
}

/// Where this machine has a program. What is in the folder `OSFERRY_SHELLS` comes first: with `sh` and `bash` of an
/// older bash in it every test runs under that.
pub fn found(name: &str) -> Option<PathBuf> {
    let older = std::env::var_os("OSFERRY_SHELLS").map(PathBuf::from);
    let folders = older.into_iter().chain(["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|dir| dir.join(name)).find(|path| path.is_file())
}

pub fn hop(engine: Engine) -> Hop {
    let (from, to) = match engine {
        Engine::AptFullUpgrade => ((Family::Debian, 11), (Family::Debian, 12)),
        Engine::DistroSync => ((Family::CentOs, 8), (Family::AlibabaCloudLinux, 3)),
        Engine::AlmalinuxDeploy => ((Family::CentOs, 8), (Family::AlmaLinux, 8)),
        Engine::Migrate2Rocky => ((Family::CentOs, 8), (Family::Rocky, 8)),
        _ => ((Family::CentOs, 7), (Family::AlmaLinux, 8)),
    };
    Hop { from: Os::new(from.0, from.1), to: Os::new(to.0, to.1), engine }
}

/// From CentOS 7, by an engine that brings no tool: what is prepared is the remediations alone.
pub fn hop_7() -> Hop {
    Hop { from: Os::new(Family::CentOs, 7), to: Os::new(Family::AlibabaCloudLinux, 2), engine: Engine::DistroSync }
}

/// A script of a migration's only hop.
pub fn script(hop: &Hop, make: impl FnOnce(&Job<'_>) -> String) -> String {
    let id = MigrationId::from_bytes([7; 10]);
    let settings = Settings { mirror: "http://mirror".into(), ..Settings::default() };
    make(&Job { id: &id, run: 0, hop_index: 0, hop, settings: &settings })
}

impl Root {
    /// A CentOS 7.9 with which nothing is wrong.
    pub fn healthy() -> Self {
        Self::new(Userland::Host, vec!["sh"])
    }

    pub fn new(userland: Userland, shell: Vec<&'static str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        let tools = dir.path().join("tools");
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&tools).unwrap();
        for tool in TOOLS {
            let target = match userland {
                Userland::Host => found(tool).unwrap_or_else(|| panic!("{tool} is missing")),
                Userland::Busybox => found("busybox").unwrap(),
            };
            symlink(target, tools.join(tool)).unwrap();
        }
        let this = Self { dir, root, shell };
        for (name, body) in STUBS {
            this.stub(name, body);
        }
        this.write("etc/os-release", "NAME=\"CentOS Linux\"\nID=\"centos\"\nVERSION_ID=\"7\"\n");
        this.write("etc/redhat-release", "CentOS Linux release 7.9.2009 (Core)\n");
        this.write("etc/fstab", "# comment\n/dev/vda1 / xfs defaults 0 0\n/dev/vdb1 /data ext4 defaults,nofail 0 2\n");
        this.write("etc/ssh/sshd_config", "Port 22\nPermitRootLogin yes\nMatch User x\n  X11Forwarding no\n");
        this.write("etc/yum.conf", "[main]\nplugins=1\nkeepcache=0\n");
        this.write(
            "etc/yum.repos.d/CentOS-Base.repo",
            "[base]\nbaseurl=http://m/centos/7/\n[updates]\nbaseurl=http://m/u/\n",
        );
        this.write("etc/resolv.conf", "nameserver 100.100.2.136\n");
        this.write("etc/pam.d/sshd", "auth required pam_unix.so\n# pam_krb5.so was here\n");
        this.write("etc/hosts.allow", "# nothing\n\n");
        this.write("etc/zlib.conf", "changed by a person\n");
        this.write("proc/mounts", "/dev/vda1 / xfs rw 0 0\n/dev/vdb1 /data ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n");
        this.write(
            "proc/self/mountinfo",
            "1 0 253:1 / / rw - xfs /dev/vda1 rw\n2 1 253:17 / /data rw - ext4 /dev/vdb1 rw\n",
        );
        this.write("proc/modules", "virtio_net 1 0 - Live 0x0\n");
        this.write("proc/meminfo", "MemTotal:        4000000 kB\nMemAvailable:    3000000 kB\n");
        this.write(
            "proc/cpuinfo",
            "flags\t\t: fpu cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3 abm avx avx2 bmi1 bmi2 f16c fma movbe xsave\n",
        );
        this.write("proc/sys/kernel/random/boot_id", "b-1\n");
        this.write("sys/class/net/eth0/device/vendor", "0x1af4\n");
        this.write("sys/class/block/vda1/start", "2048\n");
        this.write("usr/local/bin/own", "#!/bin/sh\n");
        this.write("stub/uname", "3.10.0-1160.el7.x86_64\n");
        this.write(
            "var/lib/rpm/packages",
            "bash 4.2.46-35.el7 x86_64\nglibc 2.17-326.el7 x86_64\nkernel 3.10.0-1160.el7 x86_64\nzlib 1.2.7-21.el7 x86_64\n",
        );
        for empty in ["boot/loader/entries", "run", "var/tmp", "usr/bin", "lib/modules"] {
            fs::create_dir_all(this.root.join(empty)).unwrap();
        }
        this
    }

    /// A CentOS 8.5 with which nothing is wrong, with all that conversion tools ask for.
    pub fn healthy_8() -> Self {
        let this = Self::healthy();
        this.write("etc/os-release", "ID=\"centos\"\nVERSION_ID=\"8\"\nPLATFORM_ID=\"platform:el8\"\n");
        this.write("etc/redhat-release", "CentOS Linux release 8.5.2111\n");
        this.write("stub/uname", "4.18.0-348.el8.x86_64\n");
        // Somebody has changed sshd's configuration.
        this.write("stub/verify", "S.5....T.  c /etc/ssh/sshd_config\n");
        this.write(
            "var/lib/rpm/packages",
            "bash 4.4.20-2.el8 x86_64\ndnf 4.7.0-4.el8 noarch\ndnf-plugins-core 4.0.21-3.el8 noarch\n\
             glibc 2.28-164.el8 x86_64\nkernel 4.18.0-348.el8 x86_64\n",
        );
        this.stub("dnf", DNF);
        for tool in ["arch", "column", "curl", "sha512sum", "systemd-detect-virt", "tee", "tput"] {
            this.stub(tool, ":");
        }
        this
    }

    /// A Debian 11 with which nothing is wrong.
    pub fn healthy_debian() -> Self {
        let this = Self::healthy();
        this.write("etc/os-release", "ID=debian\nVERSION_ID=\"11\"\n");
        for path in ["etc/redhat-release", "etc/yum.conf", "etc/yum.repos.d", "var/lib/rpm"] {
            let path = this.root.join(path);
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        this.write("stub/uname", "5.10.0-20-amd64\n");
        this.write(
            "var/lib/dpkg/packages",
            "bash 5.1-2+deb11u1 amd64\nlibc6 2.31-13+deb11u11 amd64\nlinux-image-5.10.0-20-amd64 5.10.158-2 amd64\n\
             zlib1g 1:1.2.11.dfsg-2+deb11u2 amd64\n",
        );
        for (name, body) in [("dpkg", DPKG), ("dpkg-query", DPKG_QUERY), ("apt-get", APT_GET), ("rpm", "exit 1")] {
            this.stub(name, body);
        }
        this
    }

    /// More packages of Debian: `name version architecture`, each with a line's end.
    pub fn debs(&self, more: &str) {
        const LIST: &str = "var/lib/dpkg/packages";
        let text = self.read(LIST) + more;
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        self.write(LIST, &(lines.join("\n") + "\n"));
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn append(&self, path: &str, text: &str) {
        self.write(path, &(self.read(path) + text));
    }

    /// More installed packages: `name version architecture`, each with a line's end.
    pub fn packages(&self, more: &str) {
        const LIST: &str = "var/lib/rpm/packages";
        let text = self.read(LIST) + more;
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        self.write(LIST, &(lines.join("\n") + "\n"));
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_default()
    }

    pub fn link(&self, path: &str, target: &str) {
        let _ = fs::remove_file(self.root.join(path));
        symlink(target, self.root.join(path)).unwrap();
    }

    /// A command of the guest.
    pub fn stub(&self, name: &str, body: &str) {
        let path = self.dir.path().join("tools").join(name);
        let _ = fs::remove_file(&path);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    }

    /// The guest has no such command.
    pub fn remove_stub(&self, name: &str) {
        fs::remove_file(self.dir.path().join("tools").join(name)).unwrap();
    }

    /// Makes the `number`-th command that changes something end the whole script, before it does its work.
    pub fn cut_off_at(&self, number: usize) {
        let tools = self.dir.path().join("tools");
        let counter = self.dir.path().join("counter");
        fs::write(&counter, "").unwrap();
        for name in CUT_POINTS {
            let (path, real) = (tools.join(name), tools.join(format!("real-{name}")));
            if !real.exists() {
                fs::rename(&path, &real).unwrap();
            }
            let body = format!(
                "#!/bin/sh\necho x >>'{counter}'\nosf=0\nwhile read -r _; do osf=$((osf + 1)); done <'{counter}'\n\
                 [ $osf -ne {number} ] || kill -9 0\nexec '{real}' \"$@\"\n",
                counter = counter.display(),
                real = real.display()
            );
            let _ = fs::remove_file(&path);
            fs::write(&path, body).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
    }

    /// How many such commands ran since.
    pub fn commands(&self) -> usize {
        fs::read_to_string(self.dir.path().join("counter")).unwrap().lines().count()
    }

    /// Nothing is cut off any more.
    pub fn let_run(&self) {
        let tools = self.dir.path().join("tools");
        for name in CUT_POINTS {
            let real = tools.join(format!("real-{name}"));
            if real.exists() {
                fs::rename(&real, tools.join(name)).unwrap();
            }
        }
    }

    /// Runs a script: its answer, or None when it was cut off. What it wrote to standard error is a failure,
    /// unless it was cut off.
    pub fn run(&self, script: &str) -> Option<Vec<(String, String)>> {
        let file = self.dir.path().join("script");
        fs::write(&file, script).unwrap();
        let output = Command::new(found(self.shell[0]).unwrap())
            .args(&self.shell[1..])
            .arg(&file)
            .env_clear()
            .env("PATH", self.dir.path().join("tools"))
            .env("R", &self.root)
            .stdin(Stdio::null())
            .process_group(0)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<(String, String)> = text
            .lines()
            .filter_map(|line| line.strip_prefix("osf\t")?.split_once('\t'))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        output.status.code()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(lines.iter().any(|(key, _)| key == "done"), "{text}\n{errors}");
        assert_eq!(errors, "", "{text}");
        Some(lines)
    }

    /// Every path with its mode and content or target; not what a scratch folder left, nor the stubs' own.
    pub fn manifest(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut all = BTreeMap::new();
        let mut left = vec![self.root.clone()];
        while let Some(dir) = left.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&self.root).unwrap().to_owned();
                if ["run", "stub"].iter().any(|own| name.starts_with(own)) {
                    continue;
                }
                let meta = fs::symlink_metadata(&path).unwrap();
                let content = if meta.is_symlink() {
                    fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
                } else if meta.is_dir() {
                    left.push(path.clone());
                    Vec::new()
                } else {
                    fs::read(&path).unwrap()
                };
                all.insert(name, (meta.permissions().mode(), content));
            }
        }
        all
    }
}

/// What differs between two manifests; but for the note of `undo` that nothing begins any more, which stays.
pub fn difference(
    before: &BTreeMap<PathBuf, (u32, Vec<u8>)>,
    after: &BTreeMap<PathBuf, (u32, Vec<u8>)>,
) -> Vec<String> {
    let show = |entry: Option<&(u32, Vec<u8>)>| {
        entry.map_or("nothing".to_owned(), |(mode, content)| format!("{mode:o} {:?}", String::from_utf8_lossy(content)))
    };
    let over = PathBuf::from(format!("var/lib/osferry/{}-0.over", MigrationId::from_bytes([7; 10])));
    let paths: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .filter(|path| **path != over && (before.contains_key(*path) || **path != over.parent().unwrap()))
        .map(|path| format!("{}: {} became {}", path.display(), show(before.get(path)), show(after.get(path))))
        .collect()
}

/// The values of a key.
pub fn all<'a>(answer: &'a [(String, String)], key: &str) -> Vec<&'a str> {
    answer.iter().filter(|(name, _)| name == key).map(|(_, value)| value.as_str()).collect()
}
