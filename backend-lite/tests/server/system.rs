//! Health, time, community and metrics.

use std::time::Duration;

use backend_lite::api::{Client, ROUTES};
use backend_lite::config::{Settings, TlsSettings};
use backend_lite::{Server, ServerError};

use crate::helper::{Home, PATIENCE, raw};

#[tokio::test]
async fn one_server_uses_a_folder_and_says_where_it_is() {
    let home = Home::start().await;
    assert!(home.server.admin_token_if_first_run().is_some());
    let settings = crate::helper::settings(&home.folder);
    match Server::start(settings.clone()).await {
        Err(ServerError::DataLocked { holder, .. }) => assert_eq!(holder.as_deref(), Some(home.server.url())),
        other => panic!("{other:?}"),
    }
    let mut elsewhere = Settings::local(home.folder.path().join("other"));
    elsewhere.server.listen = home.server.address();
    let error = Server::start(elsewhere).await.unwrap_err();
    assert!(matches!(error, ServerError::PortInUse { .. }));
    assert!(error.to_string().contains("choose another port"), "{error}");
    home.server.shutdown().await;
    Server::start(settings).await.unwrap().shutdown().await;
}

#[tokio::test]
async fn the_basics_answer() {
    let home = Home::start().await;
    let client = home.anonymous();
    assert!(client.live_health().await.unwrap().ok);
    assert!(client.ready_health().await.unwrap().ok);
    assert_eq!(client.time().await.unwrap().unix_micros, home.clock.unix_micros());
    let community = client.community().await.unwrap();
    assert_eq!(community.id.len(), 32);
    let home = home.restart().await;
    assert_eq!(home.anonymous().community().await.unwrap().key, community.key, "the community stays itself");
}

#[tokio::test]
async fn every_documented_route_is_there() {
    let home = Home::start().await;
    let admin = home.admin().await;
    let document = admin.fetch("/v1/openapi.json").await.unwrap();
    let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["openapi"].as_str().unwrap().split('.').next(), Some("3"));
    for route in ROUTES {
        let path: Vec<_> = route.path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
        let (status, _, body) = raw(&admin, route.method, &path.join("/"), &[], Vec::new()).await;
        let body = String::from_utf8_lossy(&body);
        assert!(
            status != 405 && !body.contains("there is nothing here"),
            "{} {}: {status} {body}",
            route.method,
            route.path
        );
        assert!(status < 500, "{} {}: {status} {body}", route.method, route.path);
        if status >= 400 {
            let error: backend_lite::api::ErrorBody = serde_json::from_str(&body).unwrap();
            assert!(!error.error.message.is_empty());
        }
    }
    let (status, _, body) = raw(&admin, "GET", "/v1/nothing", &[], Vec::new()).await;
    assert!(status == 404 && String::from_utf8_lossy(&body).contains("\"code\":\"not_found\""));
    assert_eq!(raw(&admin, "PUT", "/v1/time", &[], Vec::new()).await.0, 405);
}

#[tokio::test]
async fn a_shutdown_releases_who_waits_and_is_bounded() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    publisher.publish(0..5).await;
    let (viewer, epoch) = (home.anonymous(), publisher.session.epoch);
    let waiting = tokio::spawn(async move { viewer.chunk(epoch, 0, 5).await });
    let mut chat = home.anonymous().chat(&publisher.channel.name).await.unwrap();
    // A connection that does nothing holds nobody up for long.
    let _idle = tokio::net::TcpStream::connect(home.server.address()).await.unwrap();
    let url = home.server.url().to_owned();
    while !home
        .anonymous()
        .fetch("/metrics")
        .await
        .unwrap()
        .windows(24)
        .any(|text| text == b"runnel_held_requests 1\n#")
    {
        tokio::task::yield_now().await;
    }
    tokio::time::timeout(PATIENCE, home.server.shutdown()).await.unwrap();
    assert!(waiting.await.unwrap().unwrap_err().is_temporary());
    while let Some(Ok(_)) = chat.next().await {}
    assert!(Client::new(&url, None).unwrap().time().await.is_err());
}

const CERTIFICATE: &str = include_str!("certificate.pem");
const KEY: &str = include_str!("key.pem");

#[tokio::test]
async fn tls_by_certificate_files() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, CERTIFICATE).unwrap();
    std::fs::write(&key, KEY).unwrap();
    let mut settings = crate::helper::settings(&folder);
    settings.server.tls = Some(TlsSettings { certificate: certificate.clone(), key: key.clone() });
    settings.server.header_timeout = Duration::from_secs(1);
    let server = Server::start(settings.clone()).await.unwrap();
    assert!(server.url().starts_with("https://127.0.0.1:"));
    assert!(Client::new(server.url(), None).unwrap().time().await.is_err(), "nobody signed this certificate");
    let client = Client::with_certificates(server.url(), None, &[CERTIFICATE.as_bytes()]).unwrap();
    client.time().await.unwrap();
    let admin = client.with_token(Some(server.admin_token().await.unwrap()));
    let channel =
        admin.create_channel(&backend_lite::api::NewChannel { name: "tls".into(), title: None }).await.unwrap();
    let mut chat = admin.chat(&channel.name).await.unwrap();
    chat.say("over TLS").await.unwrap();
    while !matches!(chat.next().await, Some(Ok(backend_lite::api::ChatEvent::Message(_)))) {}
    server.shutdown().await;
    std::fs::write(&key, "rubbish").unwrap();
    let error = Server::start(settings).await.unwrap_err();
    assert!(matches!(error, ServerError::Tls(_)) && error.to_string().contains("key.pem"), "{error}");
}
