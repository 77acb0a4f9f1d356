//! The store over HTTP: logs go in, hits and sums come out.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::FutureExt;
use model::Hit;
use report::Format;
use serde::Deserialize;
use store::Store;
use tower::ServiceBuilder;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::trace::TraceLayer;
use url::Url;

/// Requests that are served at once; the others wait.
const AT_ONCE: usize = 64;
/// Hits of one answer where the question names no number.
const LATEST: usize = 20;

#[derive(Clone)]
struct Shared {
    store: Store,
    site: Url,
}

#[derive(Deserialize)]
struct Latest {
    count: Option<usize>,
}

#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    format: Format,
}

/// The routes over a store; the paths of logs are those of `site`.
pub fn routes(store: Store, site: Url) -> Router {
    Router::new()
        .route("/logs", post(add))
        .route("/hits", get(latest))
        .route("/summary", get(summary))
        .layer(ServiceBuilder::new().concurrency_limit(AT_ONCE).layer(TraceLayer::new_for_http()))
        .layer(CompressionLayer::new())
        .layer(CorsLayer::permissive())
        .with_state(Shared { store, site })
}

/// Serves until `stop` is ready, and then at most for a little while longer.
pub async fn serve(
    listener: tokio::net::TcpListener,
    routes: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let stop = stop.shared();
    let late = stop.clone().then(|()| tokio::time::sleep(Duration::from_secs(5)));
    tokio::select! {
        served = axum::serve(listener, routes).with_graceful_shutdown(stop).into_future() => served,
        () = late => Ok(()),
    }
}

async fn add(State(shared): State<Shared>, log: String) -> Response {
    match parse::hits(&log, &shared.site) {
        Ok(hits) => (StatusCode::CREATED, Json(shared.store.add(hits).await)).into_response(),
        Err(fault) => {
            tracing::warn!(%fault, "a log was refused");
            (StatusCode::BAD_REQUEST, fault.to_string()).into_response()
        }
    }
}

async fn latest(State(shared): State<Shared>, Query(Latest { count }): Query<Latest>) -> Json<Vec<Hit>> {
    Json(shared.store.latest(count.unwrap_or(LATEST)).await)
}

async fn summary(State(shared): State<Shared>, Query(Summary { format }): Query<Summary>) -> Response {
    match report::write(&shared.store.summary().await, format) {
        Ok(text) => text.into_response(),
        Err(fault) => (StatusCode::INTERNAL_SERVER_ERROR, fault.to_string()).into_response(),
    }
}
