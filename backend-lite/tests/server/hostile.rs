//! Clients that mean harm or are broken.

use std::io::ErrorKind;
use std::time::Duration;

use backend_lite::api::{ErrorCode, ROUTES};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::helper::{Home, PATIENCE, code, credentials, raw};

async fn connect(home: &Home) -> TcpStream {
    TcpStream::connect(home.server.address()).await.unwrap()
}

/// Reads until the server closes; a reset is a close too.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    match tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("the server closes") {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn slow_heads_and_bodies_are_cut_off() {
    let home = Home::with(|settings| {
        settings.server.header_timeout = Duration::from_secs(1);
        settings.server.body_timeout = Duration::from_secs(1);
    })
    .await;
    let (mut silent, mut half, mut body) = (connect(&home).await, connect(&home).await, connect(&home).await);
    half.write_all(b"GET /v1/time HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    body.write_all(
        b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{",
    )
    .await
    .unwrap();
    answer(&mut silent).await;
    answer(&mut half).await;
    assert!(answer(&mut body).await.contains("too slowly"));
    assert!(home.anonymous().time().await.is_ok());
}

#[tokio::test]
async fn there_is_a_limit_of_connections_and_it_is_given_back() {
    let home = Home::with(|settings| settings.server.max_connections = 16).await;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(connect(&home).await);
    }
    let mut refused = connect(&home).await;
    assert_eq!(answer(&mut refused).await, "");
    drop(open);
    let free = async {
        while home.anonymous().time().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, free).await.unwrap();
}

#[tokio::test]
async fn rubbish_is_answered_with_words_and_never_with_a_panic() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    let mut rubbish = connect(&home).await;
    rubbish.write_all(b"\x16\x03\x01 this is no HTTP\r\n\r\n").await.unwrap();
    assert!(answer(&mut rubbish).await.starts_with("HTTP/1.1 400"));
    let json = [("content-type", "application/json")];
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"{\"name\":1}",
        b"{\"name\":\"x\",\"password\":\"y\",\"more\":1}",
        &[0xff; 100],
        "[".repeat(10_000).as_bytes(),
    ] {
        let (status, _, answer) = raw(&publisher.client, "POST", "/v1/accounts", &json, body.to_vec()).await;
        assert!(matches!(status, 400 | 422), "{status}");
        assert!(String::from_utf8_lossy(&answer).contains("\"code\":\"bad_"), "{answer:?}");
    }
    assert_eq!(raw(&publisher.client, "POST", "/v1/accounts", &json, vec![b' '; 20 << 10]).await.0, 413);
    let form = [("content-type", "text/plain")];
    assert_eq!(raw(&publisher.client, "POST", "/v1/accounts", &form, b"{}".to_vec()).await.0, 400);
    for payload in [
        "..",
        "%2e%2e",
        "%00",
        "a%2fb",
        "-1",
        "999999999999999999999999",
        "%ff",
        "'or'1'='1",
        "x".repeat(3000).as_str(),
    ] {
        for route in ROUTES {
            let path = route.path.split('/').map(|part| if part.starts_with('{') { payload } else { part });
            let path = path.collect::<Vec<_>>().join("/");
            let (status, _, _) = raw(&publisher.client, route.method, &path, &json, b"{}".to_vec()).await;
            assert!(status < 500, "{} {path}: {status}", route.method);
        }
    }
    let metrics = String::from_utf8(home.anonymous().fetch("/metrics").await.unwrap().to_vec()).unwrap();
    assert!(metrics.contains("runnel_http_panics_total 0\n"));
    assert!(!metrics.contains("anna"), "metrics name nobody");
}

#[tokio::test]
async fn strangers_are_rate_limited_through_a_trusted_proxy() {
    let home = Home::with(|settings| {
        settings.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        settings.limits.sign_in = 3;
    })
    .await;
    let body = serde_json::to_vec(&credentials("nobody")).unwrap();
    let try_from = async |address: &str| {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", address)];
        raw(&home.anonymous(), "POST", "/v1/sessions", &headers, body.clone()).await
    };
    for _ in 0..3 {
        assert_eq!(try_from("203.0.113.7").await.0, 401);
    }
    let (status, headers, _) = try_from("203.0.113.7").await;
    assert_eq!(status, 429);
    assert!(headers.contains_key("retry-after"));
    assert_eq!(try_from("1.2.3.4, 203.0.113.7").await.0, 429, "what a client writes itself does not count");
    assert_eq!(try_from("203.0.113.8").await.0, 401);
    // Metrics are for this machine, and a proxy's clients are not.
    let forwarded = [("x-forwarded-for", "203.0.113.7")];
    assert_eq!(raw(&home.anonymous(), "GET", "/metrics", &forwarded, Vec::new()).await.0, 401);
    assert_eq!(raw(&home.admin().await, "GET", "/metrics", &forwarded, Vec::new()).await.0, 200);
}

#[tokio::test]
async fn a_closed_community_lets_nobody_in() {
    let home = Home::with(|settings| {
        settings.accounts.signup = false;
        settings.accounts.guests = false;
    })
    .await;
    assert_eq!(code(home.anonymous().sign_up(&credentials("anna")).await), ErrorCode::Forbidden);
    assert_eq!(code(home.anonymous().guest().await), ErrorCode::Forbidden);
    let community = home.anonymous().community().await.unwrap();
    assert!(!community.signup && !community.guests);
}
