//! The way of a trial's questions: the client that all foreign services are asked with.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use instant_acme::{BodyWrapper, BytesResponse, Error as Asked, HttpClient};
use reqwest::Url;

use super::{Authority, Error};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);

pub(super) struct Wire(reqwest::Client);

impl Wire {
    pub(super) fn new(authority: &Authority) -> Result<Self, Error> {
        let unasked = |reason: String| Error::Unasked { directory: authority.directory.clone(), reason };
        let address = Url::parse(&authority.directory).map_err(|error| unasked(error.to_string()))?;
        let mut roots = Vec::new();
        if let Some(path) = &authority.root {
            let pem = std::fs::read(path).map_err(|error| unasked(format!("{}: {error}", path.display())))?;
            roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unasked(crate::net::cause(&error)))?;
        }
        let client = crate::net::client_that_trusts(&address, CONNECT, roots);
        client.map(Self).map_err(|error| unasked(crate::net::cause(&error)))
    }
}

impl HttpClient for Wire {
    fn request(
        &self,
        request: hyper::Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Asked>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = body.collect().await;
            let body = body.to_bytes();
            let failed = |error: reqwest::Error| Asked::Other(Box::new(error));
            let request = reqwest::Request::try_from(hyper::Request::from_parts(parts, body)).map_err(failed)?;
            let answer = tokio::time::timeout(ANSWER, client.execute(request)).await;
            let answer = answer.map_err(|_| Asked::Str("an answer in time"))?.map_err(failed)?;
            Ok(BytesResponse::from(hyper::Response::<reqwest::Body>::from(answer)))
        })
    }
}
