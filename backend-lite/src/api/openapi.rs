//! The API's description in OpenAPI 3.1: one table of routes, and schemas made from the types themselves.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::*;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Runnel community server",
        description = "Errors have the form of ErrorBody: a code, what happened, what to do next."
    ),
    components(schemas(
        Account,
        Announce,
        Announced,
        BroadcastInfo,
        BroadcastPatch,
        Channel,
        ChannelList,
        ChatCommand,
        ChatEvent,
        ChunkRange,
        ChunkReceipt,
        Community,
        Credentials,
        ErrorBody,
        Health,
        IngestSession,
        LiveList,
        NewBan,
        NewBroadcast,
        NewChannel,
        NewKey,
        NewMute,
        PeerStats,
        RoleChange,
        ServerTime,
        Session,
    ))
)]
struct Document;

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The method, in capitals.
    pub method: &'static str,
    /// The path, with its variables in braces.
    pub path: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// The schema or media type of the body, if there is one.
    pub body: Option<&'static str>,
    /// The schema or media type of the answer, if it has one.
    pub answer: Option<&'static str>,
    /// Whether a token is needed.
    pub token: bool,
}

const fn route(
    method: &'static str,
    path: &'static str,
    body: Option<&'static str>,
    answer: Option<&'static str>,
    token: bool,
    summary: &'static str,
) -> Route {
    Route { method, path, summary, body, answer, token }
}

const BYTES: Option<&str> = Some("application/octet-stream");
const JPEG: Option<&str> = Some("image/jpeg");
const HLS: Option<&str> = Some("application/vnd.apple.mpegurl");

/// Every route of the server.
pub const ROUTES: &[Route] = &[
    route("GET", "/health/live", None, Some("Health"), false, "Whether the process runs."),
    route("GET", "/health/ready", None, Some("Health"), false, "Whether it is fit for work; 503 if not."),
    route("GET", "/metrics", None, Some("text/plain"), false, "Prometheus metrics, for this machine and admins."),
    route("GET", "/v1/time", None, Some("ServerTime"), false, "The server's clock."),
    route("GET", "/v1/community", None, Some("Community"), false, "What the community says about itself."),
    route("GET", "/v1/openapi.json", None, Some("application/json"), false, "This description."),
    route("POST", "/v1/accounts", Some("Credentials"), Some("Session"), false, "Makes an account and signs it in."),
    route("GET", "/v1/accounts/me", None, Some("Account"), true, "Who one is."),
    route("PUT", "/v1/accounts/{id}/role", Some("RoleChange"), None, true, "Changes a role; for admins."),
    route("POST", "/v1/sessions", Some("Credentials"), Some("Session"), false, "Signs in."),
    route("POST", "/v1/sessions/guest", None, Some("Session"), false, "Lets a guest in."),
    route("DELETE", "/v1/sessions/current", None, None, true, "Signs out."),
    route("POST", "/v1/bans", Some("NewBan"), None, true, "Bans an account; for moderators."),
    route("DELETE", "/v1/bans/{account}", None, None, true, "Lifts a ban; for moderators."),
    route("POST", "/v1/channels", Some("NewChannel"), Some("Channel"), true, "Makes a channel."),
    route("GET", "/v1/channels", None, Some("ChannelList"), true, "One's own channels."),
    route("GET", "/v1/channels/{channel}", None, Some("Channel"), false, "A channel, by id or name."),
    route("PUT", "/v1/channels/{channel}/keys", Some("NewKey"), Some("Channel"), true, "Lets a key sign manifests."),
    route("DELETE", "/v1/channels/{channel}/keys/{key}", None, None, true, "Revokes a key for good."),
    route("GET", "/v1/channels/{channel}/chat", None, Some("ChatEvent"), false, "Opens the chat (WebSocket)."),
    route("POST", "/v1/channels/{channel}/mutes", Some("NewMute"), None, true, "Mutes an account in the chat."),
    route("DELETE", "/v1/channels/{channel}/mutes/{account}", None, None, true, "Lifts a mute."),
    route("DELETE", "/v1/messages/{id}", None, None, true, "Deletes a chat message."),
    route("POST", "/v1/broadcasts", Some("NewBroadcast"), Some("BroadcastInfo"), true, "Announces a broadcast."),
    route("GET", "/v1/broadcasts/{id}", None, Some("BroadcastInfo"), false, "A broadcast."),
    route("PATCH", "/v1/broadcasts/{id}", Some("BroadcastPatch"), Some("BroadcastInfo"), true, "Changes a broadcast."),
    route("DELETE", "/v1/broadcasts/{id}", None, None, true, "Ends one's own broadcast, or takes another's down."),
    route("GET", "/v1/broadcasts/{id}/revocation", None, BYTES, false, "The signed take-down."),
    route("POST", "/v1/broadcasts/{id}/ingest", None, Some("IngestSession"), true, "Begins, resumes or takes over."),
    route("PUT", "/v1/broadcasts/{id}/manifest", BYTES, None, true, "The signed manifest."),
    route("GET", "/v1/broadcasts/{id}/manifest", None, BYTES, false, "The newest manifest; waits for the first."),
    route("PUT", "/v1/broadcasts/{id}/thumbnail", JPEG, None, true, "The newest picture."),
    route("GET", "/v1/broadcasts/{id}/thumbnail", None, JPEG, false, "The newest picture."),
    route("POST", "/v1/broadcasts/{id}/peers", Some("Announce"), Some("Announced"), false, "Announces a peer."),
    route("GET", "/v1/broadcasts/{id}/stats", None, Some("PeerStats"), false, "What viewers say, together."),
    route("GET", "/v1/live", None, Some("LiveList"), false, "The live list."),
    route("GET", "/v1/chunks/{epoch}/{rendition}", None, Some("ChunkRange"), false, "Which chunks there are."),
    route("PUT", "/v1/chunks/{epoch}/{rendition}/{sequence}", BYTES, Some("ChunkReceipt"), true, "A chunk."),
    route("GET", "/v1/chunks/{epoch}/{rendition}/{sequence}", None, BYTES, false, "A chunk; waits for the next."),
    route("GET", "/live/{channel}/index.m3u8", None, HLS, false, "The LL-HLS address; waits for the first part."),
    route("GET", "/live/{channel}/{epoch}/{rendition}/{file}", None, BYTES, false, "Playlist, init, segment or part."),
];

/// The whole description as JSON.
pub fn openapi() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
        document["paths"] = paths();
        document["components"]["securitySchemes"] = json!({ "token": { "type": "http", "scheme": "bearer" } });
        document.to_string()
    })
}

fn paths() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let variables = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters: Vec<Value> = variables
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        let mut operation = json!({
            "summary": route.summary,
            "parameters": parameters,
            "responses": {
                "2XX": { "description": "Done." },
                "default": { "description": "Refused.", "content": content("ErrorBody") },
            },
        });
        if let Some(answer) = route.answer {
            operation["responses"]["2XX"]["content"] = content(answer);
        }
        if let Some(body) = route.body {
            operation["requestBody"] = json!({ "required": true, "content": content(body) });
        }
        if route.token {
            operation["security"] = json!([{ "token": [] }]);
        }
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation;
    }
    Value::Object(paths)
}

fn content(kind: &str) -> Value {
    if kind.contains('/') {
        json!({ kind: {} })
    } else {
        json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{kind}") } } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_that_is_named_is_there() {
        let document: Value = serde_json::from_str(openapi()).unwrap();
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(references.len() > 30);
        for reference in references {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{reference} is missing");
        }
    }

    fn collect(value: &Value, references: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| collect(value, references));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
            _ => {}
        }
    }
}
