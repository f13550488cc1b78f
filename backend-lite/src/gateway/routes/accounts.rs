//! Accounts, sessions, bans.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::api::{Account, AccountId, Credentials, ErrorCode, NewBan, Role, RoleChange, Session};
use crate::authorise::{Action, Denied, Object};
use crate::gateway::extract::{Asker, ClientAddress, Json, Path};
use crate::gateway::failure::Failure;
use crate::gateway::limits::Limit;
use crate::gateway::state::Services;

type Created<T> = (StatusCode, axum::Json<T>);

pub(super) async fn sign_up(
    State(services): State<Arc<Services>>,
    address: ClientAddress,
    Json(credentials): Json<Credentials>,
) -> Result<Created<Session>, Failure> {
    services.limits.check(Limit::SignUp, address, &services.metrics)?;
    Ok((StatusCode::CREATED, axum::Json(services.accounts.sign_up(credentials).await?)))
}

pub(super) async fn sign_in(
    State(services): State<Arc<Services>>,
    address: ClientAddress,
    Json(credentials): Json<Credentials>,
) -> Result<Created<Session>, Failure> {
    services.limits.check(Limit::SignIn, address, &services.metrics)?;
    Ok((StatusCode::CREATED, axum::Json(services.accounts.sign_in(credentials).await?)))
}

pub(super) async fn guest(
    State(services): State<Arc<Services>>,
    address: ClientAddress,
) -> Result<Created<Session>, Failure> {
    services.limits.check(Limit::Guest, address, &services.metrics)?;
    Ok((StatusCode::CREATED, axum::Json(services.accounts.guest().await?)))
}

pub(super) async fn sign_out(State(services): State<Arc<Services>>, asker: Asker) -> Result<StatusCode, Failure> {
    let token = asker.token.ok_or(Denied::Unauthenticated)?;
    services.accounts.sign_out(&token).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn me(asker: Asker) -> Result<axum::Json<Account>, Failure> {
    Ok(axum::Json(asker.actor.account().cloned().ok_or(Denied::Unauthenticated)?))
}

pub(super) async fn set_role(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<u64>,
    Json(change): Json<RoleChange>,
) -> Result<StatusCode, Failure> {
    // Who may not do it at all learns nothing about who exists.
    asker.may(Action::SetRole, &Object::Account { id: AccountId(id), role: Role::User })?;
    let account = services.accounts.account(AccountId(id)).await?;
    asker.may(Action::SetRole, &Object::Account { id: account.id, role: account.role })?;
    if change.role == Role::Guest {
        return Err(Failure::new(ErrorCode::BadValue, "an account cannot become a guest", "ban it instead"));
    }
    services.accounts.set_role(account.id, change.role).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn ban(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Json(ban): Json<NewBan>,
) -> Result<StatusCode, Failure> {
    asker.may(Action::Ban, &Object::Account { id: ban.account, role: Role::Guest })?;
    let account = services.accounts.account(ban.account).await?;
    asker.may(Action::Ban, &Object::Account { id: account.id, role: account.role })?;
    let by = asker.actor.account().ok_or(Denied::Unauthenticated)?.id;
    services.accounts.ban(&ban, by).await?;
    services.chat.expel(ban.account);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn unban(
    State(services): State<Arc<Services>>,
    asker: Asker,
    Path(id): Path<u64>,
) -> Result<StatusCode, Failure> {
    asker.may(Action::Ban, &Object::Account { id: AccountId(id), role: Role::Guest })?;
    if services.accounts.unban(AccountId(id)).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Failure::new(ErrorCode::NotFound, "this account is not banned", ""))
    }
}
