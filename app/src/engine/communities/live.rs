//! The live list of a community: fetched now and then, remembered for when it does not answer.

use std::time::Duration;

use backend_lite::api::{self, ClientError, LiveQuery};
use runnel_media::format::WallClock;

use super::{Core, News, reach};
use crate::engine::problem;
use crate::session::clock;
use crate::settings::{CommunityState, SeenChannel, SettingsFile};
use crate::state::{BroadcastId, ChannelId, CommunityId, Connection, Event, LiveItem};

/// How often the list that is shown is fetched again.
const REFRESH: Duration = Duration::from_secs(10);
/// How often a community that does not answer is tried.
const RETRY: Duration = Duration::from_secs(4);

impl Core {
    pub(in crate::engine) fn fetch_live(&mut self, id: &CommunityId, query: Option<String>) {
        let Some(member) = self.communities.get_mut(id) else { return };
        let asked = query.is_some();
        if let Some(query) = query {
            member.query = query;
        } else if member.asking {
            return;
        }
        let Some(client) = member.client.clone() else {
            let (address, embedded) = (member.address.clone(), member.embedded);
            member.asked_at = Some(clock::now());
            reach(&self.tell, &self.paths, address, embedded, None);
            return;
        };
        (member.asking, member.asked_at) = (true, Some(clock::now()));
        let (query, tell, id) = (member.query.clone(), self.tell.clone(), id.clone());
        if asked {
            self.outlet.emit(Event::LiveLoading { community: id.clone(), query: query.clone() });
        }
        tokio::spawn(async move {
            let words = (!query.is_empty()).then(|| query.clone());
            let outcome = client.live(&LiveQuery { query: words, ..LiveQuery::default() }).await;
            let _ = tell.send(crate::engine::News::Community(News::Live { id, query, outcome })).await;
        });
    }

    pub(super) fn live(&mut self, id: &CommunityId, query: String, outcome: Result<api::LiveList, ClientError>) {
        let Some(member) = self.communities.get_mut(id) else { return };
        member.asking = false;
        if query != member.query {
            // Another search was asked for meanwhile; its answer is on the way.
            return;
        }
        let was_online = std::mem::replace(&mut member.online, outcome.is_ok());
        match outcome {
            Ok(list) => {
                let items: Vec<_> = list.items.iter().map(live_item).collect();
                if query.is_empty() {
                    keep_last_seen(&mut member.state, &items);
                }
                member.items.clone_from(&items);
                if let Some(client) = member.client.clone() {
                    member.stills.fetch(&client, id, &list.items, clock::now(), &self.tell);
                }
                self.outlet.emit(Event::LiveList { community: id.clone(), query, items });
                if !was_online {
                    self.outlet.emit(Event::Connection { community: id.clone(), connection: Connection::Online });
                }
            }
            Err(error) => {
                let problem = problem::server(&error, &member.address);
                self.outlet.emit(Event::LiveFailed { community: id.clone(), problem: problem.clone() });
                if was_online {
                    self.outlet
                        .emit(Event::Connection { community: id.clone(), connection: Connection::Offline(problem) });
                }
            }
        }
    }

    pub(in crate::engine) fn tick_communities(&mut self) {
        let now = clock::now();
        let Some(id) = self.current() else { return };
        let due = self.communities.get(&id).is_some_and(|member| {
            let wait = if member.online { REFRESH } else { RETRY };
            !member.asking && member.asked_at.is_none_or(|at| now - at >= wait)
        });
        if due {
            self.fetch_live(&id, None);
        }
    }
}

fn live_item(item: &api::LiveItem) -> LiveItem {
    LiveItem {
        broadcast: BroadcastId(item.broadcast.to_string()),
        channel: ChannelId(item.channel.to_string()),
        name: item.name.clone(),
        title: item.title.clone(),
        category: item.category.clone(),
        language: item.language.clone(),
        viewers: item.viewers.into(),
        started: WallClock::from_micros(item.started.saturating_mul(1_000_000)),
        thumbnail: None,
    }
}

/// A channel as it was last seen, for a card that is greyed.
pub(super) fn last_seen(seen: &SeenChannel) -> LiveItem {
    LiveItem {
        broadcast: BroadcastId(seen.id.clone()),
        channel: ChannelId(seen.id.clone()),
        name: seen.name.clone(),
        title: seen.title.clone(),
        category: String::new(),
        language: String::new(),
        viewers: 0,
        started: WallClock::default(),
        thumbnail: None,
    }
}

fn keep_last_seen(file: &mut SettingsFile<CommunityState>, items: &[LiveItem]) {
    let seen = |item: &LiveItem| SeenChannel {
        id: item.channel.0.clone(),
        name: item.name.clone(),
        title: item.title.clone(),
    };
    let state = CommunityState { last_seen: items.iter().take(24).map(seen).collect(), ..file.get().clone() };
    if state != *file.get()
        && let Err(error) = file.set(state)
    {
        tracing::debug!(%error, "what was seen last could not be saved");
    }
}
