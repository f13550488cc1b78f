//! Accounts, sessions and who may do what.

use backend_lite::api::{ErrorCode, NewBan, NewBroadcast, NewChannel, NewMute, Role};

use crate::helper::{Home, code, credentials, raw};

#[tokio::test]
async fn accounts_are_made_once_and_need_their_password() {
    let home = Home::start().await;
    let anonymous = home.anonymous();
    let session = anonymous.sign_up(&credentials("Anna")).await.unwrap();
    assert_eq!(session.account.role, Role::User);
    let signed_in = anonymous.with_token(Some(session.token.clone()));
    assert_eq!(signed_in.me().await.unwrap(), session.account);
    assert_eq!(code(anonymous.sign_up(&credentials("a-nn.a")).await), ErrorCode::NameTaken);
    let mut wrong = credentials("Anna");
    wrong.password = "incorrect horse".to_owned();
    assert_eq!(code(anonymous.sign_in(&wrong).await), ErrorCode::Unauthenticated);
    assert_eq!(code(anonymous.sign_in(&credentials("nobody")).await), ErrorCode::Unauthenticated);
    wrong.password = "short".to_owned();
    assert_eq!(code(anonymous.sign_up(&wrong).await), ErrorCode::BadValue);
    assert_eq!(code(anonymous.sign_up(&credentials("ad-min")).await), ErrorCode::BadValue);
    let again = anonymous.sign_in(&credentials("ANNA")).await.unwrap();
    assert_ne!(again.token, session.token);

    signed_in.sign_out().await.unwrap();
    assert_eq!(code(signed_in.me().await), ErrorCode::Unauthenticated);
    assert!(anonymous.with_token(Some(again.token)).me().await.is_ok(), "the other session goes on");
    assert_eq!(code(anonymous.me().await), ErrorCode::Unauthenticated);
    // The secret is nowhere in the database.
    let database = std::fs::read(home.folder.path().join("data/runnel.sqlite-wal")).unwrap();
    for secret in [session.token.as_bytes(), b"correct horse"] {
        assert!(!database.windows(secret.len()).any(|window| window == secret));
    }
}

#[tokio::test]
async fn sessions_end_when_their_time_is_over() {
    let home = Home::start().await;
    let guest = home.guest().await;
    assert_eq!(guest.me().await.unwrap().role, Role::Guest);
    home.advance(86_401).await;
    assert_eq!(code(guest.me().await), ErrorCode::Unauthenticated);
}

#[tokio::test]
async fn a_ban_ends_sessions_and_is_lifted() {
    let home = Home::start().await;
    let (admin, bert) = (home.admin().await, home.user("bert").await);
    let account = bert.me().await.unwrap().id;
    let ban = NewBan { account, seconds: Some(60), reason: "spam".to_owned() };
    assert_eq!(code(bert.ban(&ban).await), ErrorCode::Forbidden);
    admin.ban(&ban).await.unwrap();
    assert_eq!(code(bert.me().await), ErrorCode::Unauthenticated);
    let refused = home.anonymous().sign_in(&credentials("bert")).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Banned));
    assert!(refused.to_string().contains("spam"));
    home.advance(61).await;
    home.anonymous().sign_in(&credentials("bert")).await.unwrap();
    assert_eq!(code(admin.unban(account).await), ErrorCode::NotFound);
}

/// Who may call what: anonymous, guest, another user, the owner, a moderator, an admin.
#[tokio::test]
async fn the_matrix_of_rights_holds_over_http() {
    let home = Home::start().await;
    let publisher = home.publisher("owner").await;
    publisher.publish(0..5).await;
    let admin = home.admin().await;
    let moderator = home.user("mod").await;
    let victim = home.user("victim").await.me().await.unwrap().id;
    admin.set_role(moderator.me().await.unwrap().id, Role::Moderator).await.unwrap();
    let people =
        [home.anonymous(), home.guest().await, home.user("other").await, publisher.client.clone(), moderator, admin];
    let (channel, broadcast, epoch) = (publisher.channel.id, publisher.broadcast.id, publisher.session.epoch);
    let json = |value: &dyn erased::Json| value.text();
    let fence = publisher.session.fence.to_string();
    let key = publisher.channel_key.public();
    let calls: Vec<(&str, String, String, [u16; 6])> = vec![
        ("GET", "/v1/community".into(), String::new(), [200; 6]),
        ("GET", "/health/ready".into(), String::new(), [200; 6]),
        ("GET", "/v1/accounts/me".into(), String::new(), [401, 200, 200, 200, 200, 200]),
        ("GET", "/v1/channels".into(), String::new(), [401, 200, 200, 200, 200, 200]),
        ("GET", format!("/v1/channels/{channel}"), String::new(), [200; 6]),
        ("GET", format!("/v1/broadcasts/{broadcast}"), String::new(), [200; 6]),
        ("GET", format!("/v1/chunks/{epoch}/0/3"), String::new(), [200; 6]),
        ("GET", publisher.media("media.m3u8"), String::new(), [200; 6]),
        (
            "PUT",
            format!("/v1/channels/{channel}/keys"),
            format!("{{\"public_key\":\"{key}\"}}"),
            [401, 403, 403, 200, 403, 200],
        ),
        (
            "POST",
            "/v1/broadcasts".into(),
            json(&NewBroadcast { channel: channel.to_string(), title: "x".into(), ..Default::default() }),
            [401, 403, 403, 200, 403, 403],
        ),
        ("PATCH", format!("/v1/broadcasts/{broadcast}"), "{\"title\":\"y\"}".into(), [401, 403, 403, 200, 403, 403]),
        ("PUT", format!("/v1/chunks/{epoch}/0/9"), "rubbish".into(), [401, 403, 403, 400, 403, 403]),
        ("PUT", format!("/v1/broadcasts/{broadcast}/manifest"), "rubbish".into(), [401, 403, 403, 400, 403, 403]),
        ("PUT", format!("/v1/broadcasts/{broadcast}/thumbnail"), "rubbish".into(), [401, 403, 403, 422, 403, 403]),
        (
            "POST",
            format!("/v1/channels/{channel}/mutes"),
            json(&NewMute { account: victim, seconds: Some(1), reason: String::new() }),
            [401, 403, 403, 204, 204, 204],
        ),
        (
            "POST",
            "/v1/bans".into(),
            json(&NewBan { account: victim, seconds: Some(1), reason: String::new() }),
            [401, 403, 403, 403, 204, 204],
        ),
        ("PUT", format!("/v1/accounts/{victim}/role"), "{\"role\":\"user\"}".into(), [401, 403, 403, 403, 403, 204]),
        ("POST", format!("/v1/broadcasts/{broadcast}/ingest"), String::new(), [401, 403, 403, 200, 403, 403]),
        ("DELETE", format!("/v1/channels/{channel}/keys/{key}"), String::new(), [401, 403, 403, 204, 403, 404]),
    ];
    for (method, path, body, expected) in calls {
        for (who, (client, expected)) in people.iter().zip(expected).enumerate() {
            let headers = [("content-type", "application/json"), ("x-runnel-fence", fence.as_str())];
            let (status, _, answer) = raw(client, method, &path, &headers, body.clone().into_bytes()).await;
            assert_eq!(status, expected, "{method} {path} by {who}: {answer:?}");
        }
    }
    // Tokens that do not work are refused even where none is needed.
    let expired = home.anonymous().with_token(Some("x".repeat(43)));
    assert_eq!(raw(&expired, "GET", "/v1/live", &[], Vec::new()).await.0, 401);
    assert_eq!(
        code(people[1].create_channel(&NewChannel { name: "guests".into(), title: None }).await),
        ErrorCode::Forbidden
    );
}

mod erased {
    pub(super) trait Json {
        fn text(&self) -> String;
    }

    impl<T: serde::Serialize> Json for T {
        fn text(&self) -> String {
            serde_json::to_string(self).unwrap()
        }
    }
}
