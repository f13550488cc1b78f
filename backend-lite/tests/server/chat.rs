//! Chat over a real WebSocket.

use backend_lite::api::{
    Author, ChatCommand, ChatConnection, ChatEvent, ChatMessage, Client, ErrorCode, NewBan, NewMute,
};

use crate::helper::{Home, PATIENCE, code, event, raw};

async fn enter(client: &Client, channel: &str) -> ChatConnection {
    let mut chat = client.chat(channel).await.unwrap();
    assert!(matches!(event(&mut chat).await, ChatEvent::Welcome { .. }));
    chat
}

async fn message(chat: &mut ChatConnection) -> ChatMessage {
    match event(chat).await {
        ChatEvent::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

async fn refusal(chat: &mut ChatConnection) -> ErrorCode {
    match event(chat).await {
        ChatEvent::Error { code, message, .. } => {
            assert!(!message.is_empty());
            code
        }
        other => panic!("{other:?}"),
    }
}

async fn is_closed(chat: &mut ChatConnection) -> bool {
    tokio::time::timeout(PATIENCE, async {
        loop {
            match chat.next().await {
                None | Some(Err(_)) => return true,
                Some(Ok(_)) => {}
            }
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn messages_reach_everyone_and_can_be_deleted() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    let channel = publisher.channel.name.clone();
    let bert = home.user("bert").await;
    let (mut here, mut there, mut reader) = (
        enter(&bert, &channel).await,
        enter(&home.guest().await, &channel).await,
        enter(&home.anonymous(), &channel).await,
    );
    here.say("  hello \n 弹幕 ").await.unwrap();
    there.say("hi").await.unwrap();
    let mut ids = Vec::new();
    for chat in [&mut here, &mut there, &mut reader] {
        let (one, two) = (message(chat).await, message(chat).await);
        let (first, second) = if one.author.name == "bert" { (one, two) } else { (two, one) };
        assert_eq!(first.text, "hello 弹幕");
        assert!(second.author.name.starts_with("guest-"));
        ids.push((first.id, second.id));
    }
    assert!(ids.iter().all(|pair| *pair == ids[0]));
    let (of_bert, of_guest) = ids[0];
    assert_eq!(code(bert.delete_message(of_guest).await), ErrorCode::Forbidden);
    publisher.client.delete_message(of_guest).await.unwrap();
    bert.delete_message(of_bert).await.unwrap();
    for chat in [&mut here, &mut there, &mut reader] {
        assert_eq!(event(chat).await, ChatEvent::Deleted { id: of_guest });
        assert_eq!(event(chat).await, ChatEvent::Deleted { id: of_bert });
    }
    assert_eq!(code(bert.delete_message(of_bert).await), ErrorCode::NotFound);
    here.say("after").await.unwrap();
    assert_eq!(message(&mut reader).await.text, "after");
    // Newcomers get what was said, without what was deleted; a restart changes nothing.
    let mut newcomer = enter(&home.anonymous(), &channel).await;
    assert_eq!(message(&mut newcomer).await.text, "after");
    let home = home.restart().await;
    let mut newcomer = enter(&home.anonymous(), &channel).await;
    assert_eq!(message(&mut newcomer).await.text, "after");
}

#[tokio::test]
async fn who_may_not_write_is_told_why() {
    let home = Home::with(|settings| settings.chat.guests = false).await;
    let publisher = home.publisher("anna").await;
    let channel = publisher.channel.name.clone();
    let mut anonymous = enter(&home.anonymous(), &channel).await;
    anonymous.say("hi").await.unwrap();
    assert_eq!(refusal(&mut anonymous).await, ErrorCode::Unauthenticated);
    let mut guest = enter(&home.guest().await, &channel).await;
    guest.say("hi").await.unwrap();
    assert_eq!(refusal(&mut guest).await, ErrorCode::Forbidden);
    let mut anna = enter(&publisher.client, &channel).await;
    anna.say(&"x".repeat(201)).await.unwrap();
    assert_eq!(refusal(&mut anna).await, ErrorCode::BadValue);
    anna.say(" \u{200b} ").await.unwrap();
    assert_eq!(refusal(&mut anna).await, ErrorCode::BadValue);
    // A web page signs in after the handshake.
    let token = publisher.client.token().unwrap().to_owned();
    let (mut sink, mut stream) = home.anonymous().chat(&channel).await.unwrap().split();
    sink.send(&ChatCommand::Hello { token: "x".repeat(43) }).await.unwrap();
    sink.send(&ChatCommand::Hello { token }).await.unwrap();
    sink.say("from the web").await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 4 {
        seen.push(stream.next().await.unwrap().unwrap());
    }
    assert!(matches!(seen[1], ChatEvent::Error { code: ErrorCode::Unauthenticated, .. }), "{seen:?}");
    assert!(matches!(&seen[2], ChatEvent::Welcome { account: Some(Author { name, .. }), .. } if name == "anna"));
    assert!(matches!(&seen[3], ChatEvent::Message(message) if message.text == "from the web"));
}

#[tokio::test]
async fn the_loud_are_slowed_down_and_the_others_not() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    let channel = publisher.channel.name.clone();
    let (loud, calm) = (home.user("loud").await, home.user("calm").await);
    let (mut one, mut two) = (enter(&loud, &channel).await, enter(&loud, &channel).await);
    let mut calm = enter(&calm, &channel).await;
    for _ in 0..20 {
        one.say("spam").await.unwrap();
    }
    let (mut said, mut refused) = (0, 0);
    while said + refused < 20 {
        match event(&mut one).await {
            ChatEvent::Message(_) => said += 1,
            ChatEvent::Error { code: ErrorCode::RateLimited, .. } => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((said, refused), (5, 15));
    for _ in 0..5 {
        message(&mut two).await;
        message(&mut calm).await;
    }
    two.say("another connection does not help").await.unwrap();
    assert_eq!(refusal(&mut two).await, ErrorCode::RateLimited);
    calm.say("I may").await.unwrap();
    assert_eq!(message(&mut calm).await.text, "I may");
    home.advance(1).await;
    two.say("later").await.unwrap();
    assert_eq!(message(&mut two).await.text, "I may");
    assert_eq!(message(&mut two).await.text, "later");
    // Who does not stop is thrown out.
    for _ in 0..200 {
        if one.say("spam").await.is_err() {
            break;
        }
    }
    assert!(is_closed(&mut one).await);
}

#[tokio::test]
async fn the_muted_are_silent_and_the_banned_are_out() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    let (channel, id) = (publisher.channel.name.clone(), publisher.channel.id);
    let bert = home.user("bert").await;
    let account = bert.me().await.unwrap().id;
    let mut chat = enter(&bert, &channel).await;
    publisher.client.mute(id, &NewMute { account, seconds: Some(60), reason: String::new() }).await.unwrap();
    assert!(matches!(event(&mut chat).await, ChatEvent::Muted { until: Some(_) }));
    chat.say("hello?").await.unwrap();
    assert_eq!(refusal(&mut chat).await, ErrorCode::Banned);
    home.advance(61).await;
    chat.say("free again").await.unwrap();
    assert_eq!(message(&mut chat).await.text, "free again");
    publisher.client.mute(id, &NewMute { account, seconds: None, reason: String::new() }).await.unwrap();
    assert_eq!(event(&mut chat).await, ChatEvent::Muted { until: None });
    let home = home.restart().await;
    let (bert, owner) = (
        home.anonymous().with_token(bert.token().map(str::to_owned)),
        home.anonymous().with_token(publisher.client.token().map(str::to_owned)),
    );
    let mut chat = enter(&bert, &channel).await;
    message(&mut chat).await;
    chat.say("still muted").await.unwrap();
    assert_eq!(refusal(&mut chat).await, ErrorCode::Banned);
    owner.unmute(id, account).await.unwrap();
    chat.say("at last").await.unwrap();
    assert_eq!(message(&mut chat).await.text, "at last");
    home.admin().await.ban(&NewBan { account, seconds: None, reason: String::new() }).await.unwrap();
    assert!(is_closed(&mut chat).await);
    assert_eq!(code(bert.chat(&channel).await), ErrorCode::Unauthenticated);
}

#[tokio::test]
async fn frames_and_pages_that_do_not_belong_are_refused() {
    let home = Home::start().await;
    let publisher = home.publisher("anna").await;
    let channel = publisher.channel.name.clone();
    let mut chat = enter(&publisher.client, &channel).await;
    // The server may cut before all of it is sent.
    let _ = chat.say(&"x".repeat(1 << 20)).await;
    assert!(is_closed(&mut chat).await);
    let path = format!("/v1/channels/{channel}/chat");
    let handshake = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let own = home.server.url().to_owned();
    for (origin, expected) in [("https://evil.example", 403), ("null", 403), (own.as_str(), 101)] {
        let mut headers = handshake.to_vec();
        headers.push(("origin", origin));
        let url = publisher.client.absolute(&path).unwrap();
        let mut request = reqwest::Client::new().get(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        assert_eq!(request.send().await.unwrap().status().as_u16(), expected, "{origin}");
    }
    assert_eq!(raw(&publisher.client, "GET", &path, &[], Vec::new()).await.0, 400, "no handshake at all");
    assert_eq!(code(publisher.client.chat("nobody").await), ErrorCode::NotFound);
}

#[tokio::test]
async fn readers_that_do_not_read_are_thrown_out_and_hold_up_nobody() {
    let home = Home::with(|settings| {
        settings.chat.burst = 100;
        settings.chat.every = std::time::Duration::from_millis(10);
        settings.chat.history = 0;
        settings.ingest.grace = std::time::Duration::from_secs(3600);
    })
    .await;
    let publisher = home.publisher("anna").await;
    let channel = publisher.channel.name.clone();
    let mut stuck = Vec::new();
    for _ in 0..5 {
        stuck.push(enter(&home.anonymous(), &channel).await);
    }
    let mut anna = enter(&publisher.client, &channel).await;
    // More than sockets and queues take up.
    let text = "long ".repeat(40);
    let evicted = async || {
        let metrics = home.anonymous().fetch("/metrics").await.unwrap();
        String::from_utf8(metrics.to_vec()).unwrap().contains("runnel_chat_evicted_total 5\n")
    };
    let mut rounds = 0;
    while !evicted().await {
        rounds += 1;
        assert!(rounds < 2000, "slow readers were never thrown out");
        home.clock.advance(std::time::Duration::from_secs(1));
        for _ in 0..50 {
            anna.say(&text).await.unwrap();
        }
        for _ in 0..50 {
            message(&mut anna).await;
        }
    }
}
