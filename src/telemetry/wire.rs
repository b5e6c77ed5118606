//! OTLP over HTTP with JSON: how spans are spelled, and one post.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>: ids in hex, times as decimal strings of
//! nanoseconds, enumerations as numbers.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value as Json, json};

use super::{Settings, Span, SpanKind, Status, Value};

/// Posts batches.
pub(super) struct Sender {
    client: reqwest::Client,
    endpoint: Url,
    resource: Json,
}

impl Sender {
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let endpoint = Url::parse(&settings.endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let endpoint = endpoint.ok_or("the address of OTEL_EXPORTER_OTLP_ENDPOINT is none over HTTP")?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &settings.headers {
            let header = HeaderName::try_from(name.as_str()).ok().zip(HeaderValue::try_from(value.as_str()).ok());
            // The value may be a key, so it is not shown.
            let (name, mut value) = header.ok_or_else(|| format!("the header `{name}` for spans cannot be sent"))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut client = crate::net::builder()
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(settings.timeout);
        if endpoint.scheme() == "http" {
            client = client.tls_certs_only([]);
        }
        let client = client.build().map_err(|_| "no client can be made for spans")?;
        let resource = settings.resource.iter().map(|(name, value)| attribute(name, &Value::Text(value.clone())));
        Ok(Self { client, endpoint, resource: json!({ "attributes": resource.collect::<Vec<_>>() }) })
    }

    /// The address as people may see it.
    pub(super) fn shown(&self) -> String {
        let mut shown = self.endpoint.clone();
        shown.set_query(None);
        // Fails only for addresses that can have neither.
        let _ = shown.set_password(None);
        let _ = shown.set_username("");
        shown.to_string()
    }

    /// Sends one batch.
    pub(super) async fn send(&self, spans: &[Span]) -> Result<(), String> {
        let spans: Vec<Json> = spans.iter().map(span).collect();
        let scope = json!({ "name": "cgo", "version": env!("CARGO_PKG_VERSION") });
        let body = json!({
            "resourceSpans": [{ "resource": self.resource, "scopeSpans": [{ "scope": scope, "spans": spans }] }],
        });
        let answer = self.client.post(self.endpoint.clone()).body(body.to_string()).send().await;
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("it answered {}", answer.status().as_u16())),
            Err(error) if error.is_timeout() => Err("it did not answer in time".to_owned()),
            Err(error) if error.is_connect() => Err("there is no connection to it".to_owned()),
            Err(_) => Err("the connection broke".to_owned()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes any text");
        text
    })
}

fn nanoseconds(time: SystemTime) -> String {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos()).to_string()
}

fn attribute(name: &str, value: &Value) -> Json {
    let value = match value {
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Int(number) => json!({ "intValue": number.to_string() }),
        Value::Float(number) => json!({ "doubleValue": number }),
        Value::Bool(fact) => json!({ "boolValue": fact }),
    };
    json!({ "key": name, "value": value })
}

fn span(span: &Span) -> Json {
    let mut told = json!({
        "traceId": hex(&span.trace),
        "spanId": hex(&span.id),
        "name": span.name,
        "kind": match span.kind {
            SpanKind::Internal => 1,
            SpanKind::Client => 3,
        },
        "startTimeUnixNano": nanoseconds(span.began),
        "endTimeUnixNano": nanoseconds(span.ended),
        "attributes": span.attributes.iter().map(|(name, value)| attribute(name, value)).collect::<Vec<_>>(),
        "status": match span.status {
            Status::Unset => json!({}),
            Status::Ok => json!({ "code": 1 }),
            Status::Error => json!({ "code": 2 }),
        },
    });
    if let Some(parent) = &span.parent {
        told["parentSpanId"] = json!(hex(parent));
    }
    told
}
