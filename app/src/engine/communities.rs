//! The communities one belongs to: joining, signing in, the live list and its stills, following.

mod live;
mod signing;
mod stills;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use backend_lite::api::{self, Client, ClientError, SharingDefault};

use super::{Core, problem};
use crate::cli::gui::Open;
use crate::embedded::Embedded;
use crate::session::{account, clock};
use crate::settings::{CommunityState, JoinedCommunity, SettingsFile};
use crate::state::{ChannelId, CommunityId, Connection, Event, LiveItem, Notice, Person, Problem};
use live::last_seen;
pub(super) use signing::person;
use signing::reach;

/// What tasks tell about communities.
pub(super) enum News {
    /// One answered for the first time.
    Reached {
        address: String,
        embedded: bool,
        wanted: Option<String>,
        community: Box<api::Community>,
        client: Client,
        person: Option<Person>,
    },
    /// One did not answer when it was to be joined.
    Unreachable { address: String, error: ClientError },
    /// The embedded server runs.
    Embedded(Embedded),
    /// The live list came, or not.
    Live { id: CommunityId, query: String, outcome: Result<api::LiveList, ClientError> },
    /// One signed in, or was refused.
    SignedIn { id: CommunityId, outcome: Result<(String, Person), ClientError> },
}

/// One community.
pub(super) struct Member {
    pub(super) address: String,
    pub(super) embedded: bool,
    /// How far its host lets viewers share.
    pub(super) sharing: SharingDefault,
    pub(super) client: Option<Client>,
    pub(super) state: SettingsFile<CommunityState>,
    pub(super) person: Option<Person>,
    pub(super) items: Vec<LiveItem>,
    query: String,
    online: bool,
    asked_at: Option<Instant>,
    asking: bool,
    stills: stills::Stills,
}

/// All of them.
#[derive(Default)]
pub(super) struct Communities {
    members: BTreeMap<CommunityId, Member>,
    server: Option<Embedded>,
}

impl Communities {
    pub(super) fn contains(&self, id: &CommunityId) -> bool {
        self.members.contains_key(id)
    }

    pub(super) fn first(&self) -> Option<CommunityId> {
        self.members.keys().next().cloned()
    }

    pub(super) fn get(&self, id: &CommunityId) -> Option<&Member> {
        self.members.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &CommunityId) -> Option<&mut Member> {
        self.members.get_mut(id)
    }

    /// Ends the embedded server.
    pub(super) async fn close(&mut self) {
        if let Some(server) = self.server.take() {
            // It drains its connections, which takes a moment.
            if tokio::task::spawn_blocking(move || drop(server)).await.is_err() {
                tracing::error!("the embedded server panicked while it ended");
            }
        }
    }
}

impl Member {
    /// A client, also before the first answer.
    pub(super) fn client(&self) -> Result<Client, ClientError> {
        self.client.clone().map_or_else(|| Client::new(&self.address, None), Ok)
    }
}

impl Core {
    pub(super) fn begin_communities(&mut self, open: Option<Open>) {
        for joined in self.settings.get().communities.joined.clone() {
            let id = CommunityId(joined.id.clone());
            self.admit(&id, joined.url.clone(), joined.name.clone(), false);
            reach(&self.tell, &self.paths, joined.url, false, None);
        }
        let (tell, data) = (self.tell.clone(), self.paths.server());
        let wanted = open.as_ref().filter(|open| open.server.is_none() && open.target.server.is_none());
        let (wanted, paths) = (wanted.map(|open| open.target.channel.clone()), self.paths.clone());
        tokio::spawn(async move {
            match tokio::task::spawn_blocking(move || Embedded::start(&data)).await {
                Ok(Ok(server)) => {
                    reach(&tell, &paths, server.url().to_owned(), true, wanted);
                    // The engine may be ending already; then the server ends with this value.
                    let _ = tell.send(super::News::Community(News::Embedded(server))).await;
                }
                Ok(Err(error)) => {
                    let problem = problem::embedded(&error);
                    let _ = tell.send(super::News::Pass(Event::Notice(Notice::Problem(problem)))).await;
                }
                Err(_) => tracing::error!("the embedded server panicked while it started"),
            }
        });
        if let Some(open) = open
            && let Some(server) = open.target.server.or(open.server)
        {
            self.join_community(server, Some(open.target.channel));
        }
    }

    /// Makes a community known to the screens with what is kept about it.
    fn admit(&mut self, id: &CommunityId, address: String, name: String, embedded: bool) {
        let loaded = CommunityState::load(&self.paths, &id.0);
        for problem in &loaded.problems {
            tracing::warn!(%problem, community = id.0, "what was kept about a community");
        }
        problem::community(&loaded.problems, &name).into_iter().for_each(|problem| self.problem(problem));
        let kept = loaded.file.get();
        let channels: BTreeSet<_> = kept.followed.iter().cloned().map(ChannelId).collect();
        let items = kept.last_seen.iter().map(last_seen).collect::<Vec<_>>();
        let member = Member {
            address: address.clone(),
            embedded,
            sharing: SharingDefault::default(),
            client: None,
            state: loaded.file,
            person: None,
            items: items.clone(),
            query: String::new(),
            online: false,
            asked_at: None,
            asking: false,
            stills: stills::Stills::default(),
        };
        self.communities.members.insert(id.clone(), member);
        let sharing = SharingDefault::default();
        self.outlet.emit(Event::CommunityJoined { id: id.clone(), name, address, embedded, sharing });
        self.outlet.emit(Event::Connection { community: id.clone(), connection: Connection::Connecting });
        self.outlet.emit(Event::Following { community: id.clone(), channels });
        if !items.is_empty() {
            self.outlet.emit(Event::LiveList { community: id.clone(), query: String::new(), items });
            self.outlet.emit(Event::LiveLoading { community: id.clone(), query: String::new() });
        }
    }

    pub(super) fn join_community(&mut self, address: String, wanted: Option<String>) {
        let typed = address.trim().trim_end_matches('/');
        let full = if typed.contains("://") { typed.to_owned() } else { format!("https://{typed}") };
        if Client::new(&full, None).is_err() {
            self.problem(Problem::AddressInvalid { address });
            return;
        }
        reach(&self.tell, &self.paths, full, false, wanted);
    }

    pub(super) fn leave_community(&mut self, id: &CommunityId) {
        self.communities.members.remove(id);
        let mut settings = self.settings.get().clone();
        settings.communities.joined.retain(|joined| joined.id != id.0);
        if settings.communities.current == id.0 {
            settings.communities.current.clear();
        }
        self.save(settings);
        if let Err(error) = account::keep_token(&self.paths, &id.0, None) {
            tracing::warn!(%error, "the sign-in could not be forgotten");
        }
        self.outlet.emit(Event::CommunityLeft(id.clone()));
    }

    pub(super) fn select_community(&mut self, id: CommunityId) {
        if self.communities.contains(&id) {
            let mut settings = self.settings.get().clone();
            settings.communities.current.clone_from(&id.0);
            self.save(settings);
            self.outlet.emit(Event::CommunitySelected(id.clone()));
            self.fetch_live(&id, None);
        }
    }

    pub(super) fn reconnect(&mut self, id: &CommunityId) {
        self.outlet.emit(Event::Connection { community: id.clone(), connection: Connection::Connecting });
        match self.communities.get(id).map(|member| (member.client.is_some(), member.address.clone(), member.embedded))
        {
            Some((false, address, embedded)) => reach(&self.tell, &self.paths, address, embedded, None),
            Some(_) => self.fetch_live(id, None),
            None => {}
        }
    }

    pub(super) async fn take_community(&mut self, news: News) {
        match news {
            News::Embedded(server) => self.communities.server = Some(server),
            News::Unreachable { address, error } => self.unreachable(&address, &error),
            News::Reached { address, embedded, wanted, community, client, person } => {
                let id = CommunityId(community.id.clone());
                self.reached(&id, address, embedded, &community, client, person);
                if let Some(channel) = wanted {
                    self.watch(id, ChannelId(channel)).await;
                }
            }
            News::Live { id, query, outcome } => self.live(&id, query, outcome),
            News::SignedIn { id, outcome } => match outcome {
                Ok((token, person)) => self.signed_in(&id, Some(token), Some(person)),
                Err(error) => {
                    let address = self.communities.get(&id).map_or_else(String::new, |member| member.address.clone());
                    self.problem(problem::server(&error, &address));
                }
            },
        }
    }

    fn unreachable(&mut self, address: &str, error: &ClientError) {
        let problem = problem::server(error, address);
        let known: Vec<_> =
            self.communities.members.iter().filter(|(_, it)| it.address == address).map(|(id, _)| id.clone()).collect();
        if known.is_empty() {
            self.problem(problem.clone());
        }
        for community in known {
            if let Some(member) = self.communities.get_mut(&community) {
                (member.online, member.asked_at) = (false, Some(clock::now()));
            }
            self.outlet.emit(Event::Connection {
                community: community.clone(),
                connection: Connection::Offline(problem.clone()),
            });
            self.outlet.emit(Event::LiveFailed { community, problem: problem.clone() });
        }
    }

    fn reached(
        &mut self,
        id: &CommunityId,
        address: String,
        embedded: bool,
        community: &api::Community,
        client: Client,
        person: Option<Person>,
    ) {
        let (known, name, sharing) = (self.communities.contains(id), &community.name, community.sharing_default);
        if !known {
            self.admit(id, address.clone(), name.clone(), embedded);
        }
        self.outlet.emit(Event::CommunityJoined {
            id: id.clone(),
            name: name.clone(),
            address: address.clone(),
            embedded,
            sharing,
        });
        if let Some(member) = self.communities.get_mut(id) {
            (member.client, member.online, member.sharing) = (Some(client), true, sharing);
            (member.address, member.embedded) = (address.clone(), embedded);
        }
        if !embedded {
            self.remember(id, &address, name);
        }
        self.outlet.emit(Event::Connection { community: id.clone(), connection: Connection::Online });
        if !known && !embedded {
            self.outlet.emit(Event::Notice(Notice::Joined { name: name.clone() }));
            self.select_community(id.clone());
        }
        self.signed_in(id, None, person);
        self.fetch_live(id, None);
    }

    fn remember(&mut self, id: &CommunityId, url: &str, name: &str) {
        let mut settings = self.settings.get().clone();
        let joined = &mut settings.communities.joined;
        let entry = JoinedCommunity { id: id.0.clone(), url: url.to_owned(), name: name.to_owned() };
        match joined.iter_mut().find(|joined| joined.id == id.0) {
            Some(known) => *known = entry,
            None => joined.push(entry),
        }
        if settings != *self.settings.get() {
            self.save(settings);
        }
    }

    pub(super) fn follow(&mut self, id: &CommunityId, channel: ChannelId, on: bool) {
        let Some(member) = self.communities.get_mut(id) else { return };
        let mut state = member.state.get().clone();
        state.followed.retain(|followed| *followed != channel.0);
        if on {
            state.followed.push(channel.0);
        }
        let channels = state.followed.iter().cloned().map(ChannelId).collect();
        if let Err(error) = member.state.set(state) {
            tracing::warn!(%error, "who is followed could not be saved");
            self.problem(Problem::SettingsNotSaved);
        }
        self.outlet.emit(Event::Following { community: id.clone(), channels });
    }
}
