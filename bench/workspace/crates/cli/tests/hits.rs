use std::process::Command;

use client::Client;
use store::Store;
use url::Url;

const LOG: &str = r#"10.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "GET /docs/a HTTP/1.1" 200 70
10.0.0.2 - - [10/Oct/2025:13:55:37 +0000] "GET /docs/b HTTP/1.1" 503 -
10.0.0.3 - - [10/Oct/2025:13:55:38 +0000] "GET /api HTTP/1.1" 200 9
"#;

const SUMMARY: &str = "docs: 2 hits, 70 bytes, 1 broken\napi: 1 hits, 9 bytes\n";

#[test]
fn sums_up_a_log() {
    let log = std::env::temp_dir().join(format!("hits-{}.log", std::process::id()));
    std::fs::write(&log, LOG).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_hits")).arg("sum").arg(&log).output().unwrap();
    std::fs::remove_file(&log).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), SUMMARY);
}

#[tokio::test]
async fn a_client_gets_from_a_server_what_it_sent() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let server = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let routes = api::routes(Store::default(), Url::parse("http://site.example/").unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(api::serve(listener, routes, async { stopped.await.unwrap_or_default() }));
    let client = Client::new(server);
    assert_eq!(client.add(LOG.to_owned()).await.unwrap(), 3);
    assert_eq!(client.latest(1).await.unwrap()[0].client, "10.0.0.3");
    assert_eq!(report::write(&client.summary().await.unwrap(), report::Format::Text).unwrap(), SUMMARY);
    assert!(client.add("nonsense".to_owned()).await.unwrap_err().to_string().contains("400"));
    drop(client);
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
