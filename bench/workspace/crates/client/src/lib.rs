//! Asks a server for its hits and sums.

use anyhow::{Context, ensure};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use model::Hit;
use serde::de::DeserializeOwned;
use store::Summary;
use url::Url;

/// A server, by its address.
pub struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    server: Url,
}

impl Client {
    pub fn new(server: Url) -> Client {
        Client { http: Http::builder(TokioExecutor::new()).build_http(), server }
    }

    /// Sends a log; the answer is how many hits the server has then.
    pub async fn add(&self, log: String) -> anyhow::Result<usize> {
        self.ask(Method::POST, "logs", log.into()).await
    }

    pub async fn latest(&self, count: usize) -> anyhow::Result<Vec<Hit>> {
        self.ask(Method::GET, &format!("hits?count={count}"), Bytes::new()).await
    }

    pub async fn summary(&self) -> anyhow::Result<Summary> {
        self.ask(Method::GET, "summary?format=json", Bytes::new()).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<T> {
        let url = self.server.join(path)?;
        let request = Request::builder().method(method).uri(url.as_str()).body(Full::new(body))?;
        let answer = self.http.request(request).await.with_context(|| format!("{url} does not answer"))?;
        let status = answer.status();
        let text = answer.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{url}: {status}: {}", String::from_utf8_lossy(&text));
        serde_json::from_slice(&text).with_context(|| format!("{url} answers something else"))
    }
}
