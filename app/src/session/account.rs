//! Who one is in a community: accounts that are made on the way, and their tokens.

use backend_lite::api::{Client, ClientError, Credentials, ErrorCode, NewChannel};

use crate::keys::random_secret;
use crate::paths::Paths;
use crate::settings::file::replace;

/// Why nobody could be signed in.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The server said no or was not reached.
    #[error(transparent)]
    Server(#[from] ClientError),
    /// The name belongs to somebody else.
    #[error("the name {0:?} is taken in this community (choose another, or give that account's token with --token)")]
    NameTaken(String),
    /// The operating system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] crate::keys::KeyError),
    /// The token cannot be kept.
    #[error("the sign-in could not be kept in {folder}: {source}")]
    Keep {
        /// Where.
        folder: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Makes an account with a random password, and a channel of the same name; gives the account's token.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub async fn register_channel(url: &str, name: &str) -> Result<String, AccountError> {
    let client = Client::new(url, None)?;
    let token = sign_up(&client, name).await?;
    let signed_in = client.with_token(Some(token.clone()));
    signed_in.create_channel(&NewChannel { name: name.to_owned(), title: None }).await?;
    Ok(token)
}

async fn sign_up(client: &Client, name: &str) -> Result<String, AccountError> {
    let secret = random_secret()?;
    let password = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    match client.sign_up(&Credentials { name: name.to_owned(), password }).await {
        Ok(session) => Ok(session.token),
        Err(error) if error.code() == Some(ErrorCode::NameTaken) => Err(AccountError::NameTaken(name.to_owned())),
        Err(error) => Err(error.into()),
    }
}

/// The token that was kept for a community, if there is one.
pub fn kept_token(paths: &Paths, community: &str) -> Option<String> {
    let token = std::fs::read_to_string(paths.community(community).join("token")).ok()?;
    let token = token.trim();
    (!token.is_empty()).then(|| token.to_owned())
}

/// Keeps a token where only its owner can read it; `None` forgets it.
///
/// # Errors
/// When the file cannot be written.
pub fn keep_token(paths: &Paths, community: &str, token: Option<&str>) -> Result<(), AccountError> {
    let folder = paths.community(community);
    let path = folder.join("token");
    let kept = match token {
        Some(token) => replace(&path, token.as_bytes()),
        None => match std::fs::remove_file(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other,
        },
    };
    kept.map_err(|source| AccountError::Keep { folder: folder.display().to_string(), source })
}

/// A signed-in client for a community: with the kept token if it still works, else with a new account of this name.
///
/// # Errors
/// When the name is another's, or the server refuses or cannot be reached.
pub async fn sign_in_or_up(
    client: &Client,
    paths: &Paths,
    community: &str,
    name: &str,
) -> Result<Client, AccountError> {
    if let Some(token) = kept_token(paths, community) {
        let signed_in = client.with_token(Some(token));
        match signed_in.me().await {
            Ok(_) => return Ok(signed_in),
            Err(error) if error.code() == Some(ErrorCode::Unauthenticated) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let token = sign_up(client, name).await?;
    keep_token(paths, community, Some(&token))?;
    Ok(client.with_token(Some(token)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_kept_by_community() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::under(folder.path());
        keep_token(&paths, "a", Some("secret\n")).unwrap();
        assert_eq!(kept_token(&paths, "a").as_deref(), Some("secret"));
        assert_eq!(kept_token(&paths, "b"), None);
        keep_token(&paths, "a", None).unwrap();
        keep_token(&paths, "a", None).unwrap();
        assert_eq!(kept_token(&paths, "a"), None);
    }
}
