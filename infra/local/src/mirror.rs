//! The package mirror that guests reach as `mirrors.cloud.aliyuncs.com`: an HTTP server on a unix
//! socket. It serves the synthetic Enterprise Linux repositories, and passes Debian on from the
//! mirror this machine's own apt uses, through a cache. Nothing else is answered, so nothing else of
//! the world can be reached from a guest.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, LOCATION};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::oneshot;

use crate::images;

/// How long an index of a distribution is served before it is asked for again: long enough that one
/// fleet's migration fetches it once. Packages and by-hash files never change.
const INDEX_AGE: Duration = Duration::from_secs(600);
/// How long the upstream mirror may take to be connected to, and to send a file.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const FETCH_LIMIT: Duration = Duration::from_secs(300);
/// Debian's mirror behind a CDN redirects at most once or twice.
const REDIRECTS: usize = 3;

/// A running mirror; it ends when dropped.
pub struct Mirror {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Shelf {
    repos: PathBuf,
    cache: PathBuf,
    /// What this machine's apt knows.
    sources: String,
    proxy: Option<String>,
    /// One fetch per path at a time.
    fetching: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Mirror {
    /// Serves on the socket `dir/name`, in a thread of its own. Repositories and cache are below
    /// `image_dir`. Errors when the socket cannot be opened.
    pub fn start(dir: &Path, name: &str, image_dir: &Path) -> io::Result<Self> {
        let shelf = Arc::new(Shelf {
            repos: images::repos_dir(image_dir),
            cache: image_dir.join("mirror-cache"),
            sources: apt_sources(),
            proxy: ["http_proxy", "HTTP_PROXY"]
                .iter()
                .find_map(|name| std::env::var(name).ok())
                .filter(|proxy| !proxy.is_empty()),
            fetching: Mutex::default(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            listen(dir, name)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("mirror".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, shelf) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Binds under a temporary name and renames: the socket is never missing while a cloud restarts.
fn listen(dir: &Path, name: &str) -> io::Result<UnixListener> {
    use std::os::fd::AsRawFd;
    // By descriptor: the path may be longer than a socket address may be.
    let held = fs::File::open(dir)?;
    let new = format!(".new-{}", std::process::id());
    let at = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
    let _ = fs::remove_file(at.join(&new));
    let listener = UnixListener::bind(at.join(&new))?;
    // Guests' roots are other users here.
    fs::set_permissions(at.join(&new), fs::Permissions::from_mode(0o666))?;
    fs::rename(at.join(&new), at.join(name))?;
    Ok(listener)
}

async fn accept(listener: UnixListener, shelf: Arc<Shelf>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, Arc::clone(&shelf)));
            }
            // Out of descriptors, most likely: others will be closed.
            Err(error) => {
                tracing::warn!(%error, "mirror: accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, shelf: Arc<Shelf>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let shelf = Arc::clone(&shelf);
        async move { Ok::<_, Infallible>(answer(&request, &shelf).await) }
    });
    // A client that goes away in the middle is nothing to tell.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: &Request<Incoming>, shelf: &Shelf) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let (status, body) = if !matches!(*request.method(), Method::GET | Method::HEAD) {
        (StatusCode::METHOD_NOT_ALLOWED, Bytes::new())
    } else {
        match shelf.find(path).await {
            Ok(body) => (StatusCode::OK, body),
            Err(status) => (status, Bytes::new()),
        }
    };
    tracing::debug!(http.path = path, http.status = status.as_u16(), body.bytes = body.len(), "mirror");
    let length = body.len();
    let body = if request.method() == Method::HEAD { Bytes::new() } else { body };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response
}

impl Shelf {
    async fn find(&self, path: &str) -> Result<Bytes, StatusCode> {
        let plain = percent_encoding_free(path).ok_or(StatusCode::BAD_REQUEST)?;
        for (prefix, repo) in images::REPO_PATHS {
            if let Some(rest) = plain.strip_prefix(prefix) {
                return read(&self.repos.join(repo).join(rest));
            }
        }
        if plain.starts_with("/debian/") || plain.starts_with("/debian-security/") {
            self.debian(path, &plain).await
        } else {
            Err(StatusCode::NOT_FOUND)
        }
    }

    /// `path` as it was asked for, `plain` decoded.
    async fn debian(&self, path: &str, plain: &str) -> Result<Bytes, StatusCode> {
        let file = self.cache.join(plain.trim_start_matches('/'));
        let turn = Arc::clone(
            self.fetching.lock().unwrap_or_else(PoisonError::into_inner).entry(plain.to_owned()).or_default(),
        );
        let _mine = turn.lock().await;
        if is_fresh(&file, plain) {
            return read(&file);
        }
        match self.fetch(path).await {
            Ok(body) => {
                keep(&file, &body).map_err(|error| {
                    tracing::warn!(%error, file = %file.display(), "mirror: cache");
                    StatusCode::INTERNAL_SERVER_ERROR
                })?;
                Ok(body)
            }
            Err(Refused::Status(status)) => Err(status),
            // Offline: what was right once is better than nothing.
            Err(Refused::Unreachable(why)) => {
                tracing::warn!(http.path = path, why, "mirror: the upstream mirror is not reachable");
                read(&file).map_err(|_| StatusCode::BAD_GATEWAY)
            }
        }
    }

    async fn fetch(&self, path: &str) -> Result<Bytes, Refused> {
        let none = || Refused::Unreachable(format!("the apt sources of this machine name no mirror for {path}"));
        let mut url = format!("{}{path}", upstream(&self.sources, path).ok_or_else(none)?);
        for _ in 0..=REDIRECTS {
            let response = tokio::time::timeout(FETCH_LIMIT, get(&url, self.proxy.as_deref()))
                .await
                .map_err(|_| Refused::Unreachable(format!("{url} took more than {FETCH_LIMIT:?}")))?
                .map_err(|error| Refused::Unreachable(format!("{url}: {error}")))?;
            match (response.status(), response.headers().get(LOCATION).and_then(|to| to.to_str().ok())) {
                (StatusCode::OK, _) => return Ok(response.into_body()),
                (status, Some(to)) if status.is_redirection() => to.clone_into(&mut url),
                (status, _) if status.is_server_error() => {
                    return Err(Refused::Unreachable(format!("{url}: {status}")));
                }
                (status, _) => return Err(Refused::Status(status)),
            }
        }
        Err(Refused::Unreachable(format!("{url} redirects in circles")))
    }
}

enum Refused {
    /// The upstream mirror's own answer.
    Status(StatusCode),
    /// No answer.
    Unreachable(String),
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One plain HTTP request on a connection of its own; apt asks for few and large files.
async fn get(url: &str, proxy: Option<&str>) -> Result<Response<Bytes>, BoxError> {
    let uri: Uri = url.parse()?;
    if uri.scheme_str() != Some("http") {
        return Err("only http mirrors can be passed on".into());
    }
    let host = uri.authority().ok_or("no host")?.clone();
    let (server, target) = match proxy {
        None => (host.clone(), uri.path_and_query().map_or("/", |path| path.as_str()).to_owned()),
        Some(proxy) => (proxy.parse::<Uri>()?.authority().ok_or("http_proxy names no host")?.clone(), url.to_owned()),
    };
    let address = (server.host().to_owned(), server.port_u16().unwrap_or(80));
    let stream = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await??;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(target)
        .header(HOST, host.as_str())
        .header("user-agent", "local-cloud")
        .body(Empty::<Bytes>::new())?;
    let (parts, body) = sender.send_request(request).await?.into_parts();
    Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
}

fn read(file: &Path) -> Result<Bytes, StatusCode> {
    if !file.is_file() {
        return Err(StatusCode::NOT_FOUND);
    }
    fs::read(file).map(Bytes::from).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

fn is_fresh(file: &Path, plain: &str) -> bool {
    let Ok(modified) = fs::metadata(file).and_then(|found| found.modified()) else { return false };
    let for_ever = plain.contains("/pool/") || plain.contains("/by-hash/");
    for_ever || modified.elapsed().is_ok_and(|age| age < INDEX_AGE)
}

fn keep(file: &Path, body: &[u8]) -> io::Result<()> {
    let dir = file.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(dir)?;
    let new = tempfile::NamedTempFile::new_in(dir)?;
    fs::write(new.path(), body)?;
    new.persist(file).map(drop).map_err(|error| error.error)
}

/// The path with its percent escapes decoded (apt writes `+` and `~` so); None when it could lead
/// out of its directory or is not UTF-8.
fn percent_encoding_free(path: &str) -> Option<String> {
    let bytes = path.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            plain.push(u8::from_str_radix(path.get(at + 1..at + 3)?, 16).ok()?);
            at += 3;
        } else {
            plain.push(bytes[at]);
            at += 1;
        }
    }
    let plain = String::from_utf8(plain).ok()?;
    (!plain.split('/').any(|part| part == "..") && !plain.contains('\0')).then_some(plain)
}

/// Every text in which this machine's apt may name its mirrors.
fn apt_sources() -> String {
    let lists = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    lists.chain([PathBuf::from("/etc/apt/sources.list")]).filter_map(|file| fs::read_to_string(file).ok()).collect()
}

/// The first mirror that has the archive at the beginning of `path` (`/debian/…`, `/debian-security/…`), without
/// it; by plain http: apt checks signatures, and mirrors answer both.
fn upstream(sources: &str, path: &str) -> Option<String> {
    let archive = path.get(..1 + path.get(1..)?.find('/')?)?;
    let words = sources.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace);
    words.map(|word| word.trim_end_matches('/')).find_map(|word| {
        let base = word.strip_suffix(archive)?;
        let host = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://"))?;
        Some(format!("http://{host}"))
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn the_hosts_own_mirrors_are_used() {
        let found = |sources, path| upstream(sources, path);
        let sources = "# http://old.example/debian\nTypes: deb\nURIs: http://mirror.example/debian/\n\
            deb https://security.example/sub/debian-security bookworm-security main";
        assert_eq!(found(sources, "/debian/dists/x").as_deref(), Some("http://mirror.example"));
        assert_eq!(found(sources, "/debian-security/dists/x").as_deref(), Some("http://security.example/sub"));
        assert_eq!(found("deb http://archive.example/other noble main", "/debian/dists/x"), None);
        assert_eq!(found(sources, "/debian"), None);
    }

    #[test]
    fn a_path_cannot_lead_out() {
        assert_eq!(percent_encoding_free("/debian/pool/g%2b%2b_1%7e2.deb").unwrap(), "/debian/pool/g++_1~2.deb");
        for bad in ["/debian/../etc", "/debian/%2e%2e/etc", "/debian/%zz", "/debian/%2"] {
            assert_eq!(percent_encoding_free(bad), None, "{bad}");
        }
    }

    /// An upstream mirror that counts; answers `body` for every path but `/debian/none`.
    fn counting(body: &'static str) -> (SocketAddr, Arc<std::sync::atomic::AtomicUsize>) {
        use std::io::{BufRead, BufReader, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(&stream).lines();
                let first = lines.next().unwrap().unwrap();
                while lines.next().unwrap().unwrap() != "" {}
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let status = if first.contains("/debian/none") { "404 Not Found" } else { "200 OK" };
                write!(
                    &stream,
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                )
                .unwrap();
            }
        });
        (address, asked)
    }

    fn shelf(dir: &Path, address: SocketAddr) -> Shelf {
        Shelf {
            repos: dir.join("repos"),
            cache: dir.join("cache"),
            sources: format!("deb http://{address}/debian trixie main"),
            proxy: None,
            fetching: Mutex::default(),
        }
    }

    #[tokio::test]
    async fn packages_are_fetched_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (address, asked) = counting("a package");
        let shelf = shelf(dir.path(), address);
        for _ in 0..3 {
            assert_eq!(shelf.find("/debian/pool/a%2bb.deb").await.unwrap(), "a package");
        }
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
        assert_eq!(shelf.find("/debian/none").await, Err(StatusCode::NOT_FOUND));
        assert_eq!(shelf.find("/elsewhere/x").await, Err(StatusCode::NOT_FOUND));
        assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 2, "other paths are not passed on");
    }

    #[tokio::test]
    async fn an_old_index_is_better_than_none_when_the_mirror_is_away() {
        let dir = tempfile::tempdir().unwrap();
        // A port that was just given back: nobody listens.
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let shelf = shelf(dir.path(), closed);
        assert_eq!(shelf.find("/debian/dists/x/InRelease").await, Err(StatusCode::BAD_GATEWAY));
        let file = dir.path().join("cache/debian/dists/x/InRelease");
        keep(&file, b"old").unwrap();
        fs::File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(std::time::SystemTime::now() - INDEX_AGE * 2)
            .unwrap();
        assert_eq!(shelf.find("/debian/dists/x/InRelease").await.unwrap(), "old");
    }
}
