//! The listener visitors reach: passes each request on to the slot that serves at that moment.
//!
//! Which slot that is, is one number in memory, so a flip neither closes a connection nor loses a request: the next
//! request of the same connection simply goes elsewhere. Every request gets a connection of its own to the
//! application. A pooled one could be closed by the application in the moment it is used, and then nobody knows
//! whether a POST was done; a fresh one either opens, or nothing was sent and trying again is safe.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::headers;
use crate::domain::deployment::Slot;
use crate::remote::runtime::PerSlot;

/// A client has that long to send the head of a request, and a connection may idle as long.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest head of a request, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;
/// How long the application has to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pauses between attempts to connect: together about as long as a quick restart.
const CONNECT_PAUSES_MS: [u64; 5] = [50, 100, 200, 400, 800];

/// Where requests go, and how many are on their way.
#[derive(Debug, Default)]
pub struct Proxy {
    active: AtomicU8,
    targets: PerSlot<Target>,
    /// Told when a slot that does not serve has nothing open any more.
    pub idle: Notify,
    tasks: TaskTracker,
}

#[derive(Debug, Default)]
struct Target {
    port: AtomicU16,
    expected: AtomicBool,
    in_flight: AtomicU64,
    tunnels: AtomicU64,
}

impl Proxy {
    /// Sends every new request to that slot.
    pub fn set_active(&self, slot: Option<Slot>) {
        let number = match slot {
            None => 0,
            Some(Slot::Blue) => 1,
            Some(Slot::Green) => 2,
        };
        self.active.store(number, Ordering::SeqCst);
    }

    fn active(&self) -> Option<Slot> {
        match self.active.load(Ordering::SeqCst) {
            1 => Some(Slot::Blue),
            2 => Some(Slot::Green),
            _ => None,
        }
    }

    /// Says where a slot's release listens, and whether it runs or will in a moment.
    pub fn set_target(&self, slot: Slot, port: u16, expected: bool) {
        let target = self.targets.get(slot);
        target.port.store(port, Ordering::SeqCst);
        target.expected.store(expected, Ordering::SeqCst);
    }

    /// Requests being answered by a slot, and its upgraded connections.
    pub fn open(&self, slot: Slot) -> (u64, u64) {
        let target = self.targets.get(slot);
        (target.in_flight.load(Ordering::SeqCst), target.tunnels.load(Ordering::SeqCst))
    }

    /// Accepts connections, at most `limit` at a time, until `stop`. Then it accepts no more, and each connection ends
    /// with the request it is at.
    pub async fn listen(self: Arc<Self>, listener: TcpListener, limit: usize, stop: CancellationToken) {
        let room = Arc::new(Semaphore::new(limit));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = async {
                    let place = Arc::clone(&room).acquire_owned().await;
                    (listener.accept().await, place)
                } => accepted,
            };
            match accepted {
                (Ok((stream, peer)), Ok(place)) => {
                    let (proxy, stop) = (Arc::clone(&self), stop.clone());
                    self.tasks.spawn(async move {
                        proxy.serve(stream, peer, stop).await;
                        drop(place);
                    });
                }
                // Out of descriptors, or the client is gone already: others may come.
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Waits until what was answered has been sent, at most `limit`. To be called after the listener was stopped.
    pub async fn finish(&self, limit: Duration) {
        self.tasks.close();
        // A client that does not read its answer is left behind.
        let _ = tokio::time::timeout(limit, self.tasks.wait()).await;
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, stop: CancellationToken) {
        // Failing to set it costs milliseconds, not correctness.
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| {
            let proxy = Arc::clone(&self);
            async move { Ok::<_, Infallible>(proxy.answer(request, peer).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        // An error here is the client's: a bad head, or it went away. It got its answer from hyper.
        tokio::select! {
            _ = &mut connection => return,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: SocketAddr) -> Response<Reply> {
        let wants_upgrade = headers::upgrade(request.headers()).is_some();
        let (mut parts, body) = request.into_parts();
        if headers::forward(&mut parts, peer).is_err() {
            return plain(StatusCode::BAD_REQUEST, "the request names no path");
        }
        let mut request = Request::from_parts(parts, body);
        let client = wants_upgrade.then(|| hyper::upgrade::on(&mut request));
        let mut pauses = CONNECT_PAUSES_MS.into_iter();
        let (response, open) = loop {
            let Some(slot) = self.active() else {
                return unavailable("no release serves yet");
            };
            let open = Open::request(&self, slot);
            match self.send(slot, request).await {
                Ok(response) => break (response, open),
                Err(Unsent::Lost) => return plain(StatusCode::BAD_GATEWAY, "the application ended the connection"),
                Err(Unsent::Nothing(unsent)) => request = *unsent,
            }
            if !self.targets.get(slot).expected.load(Ordering::SeqCst) && self.active() == Some(slot) {
                return unavailable("the application does not run");
            }
            drop(open);
            match pauses.next() {
                Some(pause) => tokio::time::sleep(Duration::from_millis(pause)).await,
                None => return plain(StatusCode::BAD_GATEWAY, "the application does not accept connections"),
            }
        };
        self.pass_back(response, open, client)
    }

    /// Sends a request over a connection of its own.
    async fn send(&self, slot: Slot, request: Request<Incoming>) -> Result<Response<Incoming>, Unsent> {
        let port = self.targets.get(slot).port.load(Ordering::SeqCst);
        let connecting = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        let Ok(Ok(stream)) = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await else {
            return Err(Unsent::Nothing(Box::new(request)));
        };
        let _ = stream.set_nodelay(true);
        let Ok((mut sender, connection)) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await else {
            return Err(Unsent::Nothing(Box::new(request)));
        };
        self.tasks.spawn(connection.with_upgrades());
        sender.try_send_request(request).await.map_err(|mut error| match error.take_message() {
            Some(unsent) => Unsent::Nothing(Box::new(unsent)),
            None => Unsent::Lost,
        })
    }

    fn pass_back(
        self: Arc<Self>,
        mut response: Response<Incoming>,
        open: Open,
        client: Option<hyper::upgrade::OnUpgrade>,
    ) -> Response<Reply> {
        let protocol = headers::upgrade(response.headers());
        headers::strip(response.headers_mut());
        *response.version_mut() = Version::HTTP_11;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return response.map(|body| Reply::Passed { body, _open: open });
        }
        let (Some(client), Some(protocol)) = (client, protocol) else {
            return plain(StatusCode::BAD_GATEWAY, "the application changed the protocol unasked");
        };
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(UPGRADE, protocol);
        let application = hyper::upgrade::on(&mut response);
        let tunnel = Open::tunnel(&self, open.slot);
        self.tasks.spawn(async move {
            if let Ok((client, application)) = tokio::try_join!(client, application) {
                // Whoever closes first ends it; there is nobody to report that to.
                let (mut client, mut application) = (TokioIo::new(client), TokioIo::new(application));
                let _ = tokio::io::copy_bidirectional(&mut client, &mut application).await;
            }
            drop(tunnel);
        });
        response.map(|_| Reply::Text(None))
    }
}

/// A request that has no answer.
enum Unsent {
    /// Nothing of it reached the application.
    Nothing(Box<Request<Incoming>>),
    /// The application may have seen it.
    Lost,
}

/// One thing that is open on a slot; counted until it is dropped.
struct Open {
    proxy: Arc<Proxy>,
    slot: Slot,
    counter: fn(&Target) -> &AtomicU64,
}

impl Open {
    fn request(proxy: &Arc<Proxy>, slot: Slot) -> Self {
        Self::new(proxy, slot, |target| &target.in_flight)
    }

    fn tunnel(proxy: &Arc<Proxy>, slot: Slot) -> Self {
        Self::new(proxy, slot, |target| &target.tunnels)
    }

    fn new(proxy: &Arc<Proxy>, slot: Slot, counter: fn(&Target) -> &AtomicU64) -> Self {
        counter(proxy.targets.get(slot)).fetch_add(1, Ordering::SeqCst);
        Self { proxy: Arc::clone(proxy), slot, counter }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        (self.counter)(self.proxy.targets.get(self.slot)).fetch_sub(1, Ordering::SeqCst);
        if self.proxy.active() != Some(self.slot) && self.proxy.open(self.slot) == (0, 0) {
            self.proxy.idle.notify_one();
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Reply> {
    let mut response = Response::new(Reply::Text(Some(Bytes::from(format!("{text}\n")))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn unavailable(text: &'static str) -> Response<Reply> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// The body of an answer: ours, or the application's as it comes.
enum Reply {
    Text(Option<Bytes>),
    Passed { body: Incoming, _open: Open },
}

impl Body for Reply {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Passed { body, .. } => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text(text) => text.is_none(),
            Self::Passed { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
            Self::Passed { body, .. } => body.size_hint(),
        }
    }
}
