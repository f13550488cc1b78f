//! Sample contents for every screen: what the pictures in the tests show, and the window without an engine.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use runnel::state::*;
use runnel::ui::{Clock, Page};
use runnel_media::format::WallClock;

#[path = "landscape.rs"]
pub(crate) mod landscape;
#[path = "swarm.rs"]
mod swarm;

use landscape::{feed, still};

/// Contents of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    HomeNew,
    HomeEmpty,
    HomeLoading,
    HomeUsual,
    HomeCrowded,
    HomeOffline,
    HomeTrouble,
    WatchUsual,
    WatchSwarm,
    WatchAlone,
    WatchStalled,
    WatchEnded,
    WatchCrowded,
    StudioIdle,
    StudioLive,
    StudioTrouble,
    StudioEnded,
    Settings,
    SettingsDevices,
    SettingsSharing,
    SettingsKeys,
    ImportKeys,
    PathWanted,
    SettingsDamaged,
    Welcome,
    WelcomeSharing,
    WelcomeDevices,
}

impl Scene {
    /// All of them.
    pub(crate) const ALL: [Self; 27] = [
        Self::HomeNew,
        Self::HomeEmpty,
        Self::HomeLoading,
        Self::HomeUsual,
        Self::HomeCrowded,
        Self::HomeOffline,
        Self::HomeTrouble,
        Self::WatchUsual,
        Self::WatchSwarm,
        Self::WatchAlone,
        Self::WatchStalled,
        Self::WatchEnded,
        Self::WatchCrowded,
        Self::StudioIdle,
        Self::StudioLive,
        Self::StudioTrouble,
        Self::StudioEnded,
        Self::Settings,
        Self::SettingsDevices,
        Self::SettingsSharing,
        Self::SettingsKeys,
        Self::ImportKeys,
        Self::PathWanted,
        Self::SettingsDamaged,
        Self::Welcome,
        Self::WelcomeSharing,
        Self::WelcomeDevices,
    ];

    /// The page it is on.
    pub(crate) fn page(self) -> Page {
        match self {
            Self::WatchUsual
            | Self::WatchSwarm
            | Self::WatchAlone
            | Self::WatchStalled
            | Self::WatchEnded
            | Self::WatchCrowded => Page::Watch,
            Self::StudioIdle | Self::StudioLive | Self::StudioTrouble | Self::StudioEnded | Self::PathWanted => {
                Page::Studio
            }
            Self::Settings | Self::SettingsDevices | Self::SettingsSharing | Self::SettingsKeys | Self::ImportKeys => {
                Page::Settings
            }
            _ => Page::Home,
        }
    }

    /// Its contents.
    pub(crate) fn state(self, clock: Clock, chinese: bool) -> AppState {
        let mut state = AppState::default();
        state.settings.welcomed = !matches!(self, Self::Welcome | Self::WelcomeSharing | Self::WelcomeDevices);
        state.settings.language = if chinese { Language::Chinese } else { Language::English };
        state.settings.sharing = Sharing::On;
        if matches!(self, Self::HomeNew | Self::Welcome | Self::WelcomeSharing) {
            return state;
        }
        devices(&mut state);
        if matches!(self, Self::SettingsDevices | Self::WelcomeDevices) {
            chosen(&mut state);
        }
        if self == Self::StudioTrouble {
            // A microphone that was unplugged; its id says nothing to anyone.
            let id = "alsa_input.usb-R__DE_Microphones_NT-USB-00.iec958-stereo".to_owned();
            state.settings.device_names.insert(id, "RØDE NT-USB".to_owned());
        }
        if self == Self::WelcomeDevices {
            return state;
        }
        community(&mut state, clock, self, chinese);
        match self.page() {
            Page::Watch => watch(&mut state, clock, self, chinese),
            Page::Studio => studio(&mut state, clock, self, chinese),
            _ => {}
        }
        if self == Self::SettingsSharing {
            swarm::choices(&mut state);
        }
        if self == Self::SettingsKeys {
            state.studio.phase = StudioPhase::Live { since: clock.now };
            let name = "/home/robin/Downloads/notes.txt".to_owned();
            let problems = [Problem::FileNotOpened { path: name }, Problem::KeyExists, Problem::OnAir];
            problems.into_iter().for_each(|problem| state.toasts.push(clock.now, Notice::Problem(problem)));
        }
        if self == Self::SettingsDamaged {
            let kept = "/home/robin/.config/runnel/settings.toml.damaged-1".to_owned();
            let (keys, name) = ("studio.fps, playback.delay_ms".to_owned(), "Riverside".to_owned());
            let at = "/home/robin/.local/share/runnel/communities/riverside/state.toml.damaged-1".to_owned();
            let problems = [
                Problem::SettingsDamaged { kept },
                Problem::SettingsOdd { keys },
                Problem::CommunityDamaged { name, kept: at },
            ];
            problems.into_iter().for_each(|problem| state.toasts.push(clock.now, Notice::Problem(problem)));
        }
        if self == Self::HomeTrouble {
            let problems = [Problem::PortInUse { port: 46_629 }, Problem::DiskFull, Problem::PermissionRefused];
            problems.into_iter().for_each(|problem| state.toasts.push(clock.now, Notice::Problem(problem)));
        }
        if self == Self::HomeOffline {
            let address = "live.riverside.example".to_owned();
            state.toasts.push(clock.now, Notice::Problem(Problem::ServerUnreachable { address }));
        }
        state
    }
}

/// A camera and a microphone, chosen and working.
fn chosen(state: &mut AppState) {
    let (source, sound) = (SourceChoice::Camera(0), SoundChoice::NamedMicrophone("a".into()));
    (state.settings.source, state.settings.sound) = (source.clone(), sound.clone());
    let studio = &mut state.studio;
    (studio.source, studio.sound, studio.preview) = (source, sound, Some(feed()));
    studio.level = Level { peak: [-9.0, -14.0], loudness: [-20.0, -24.0] };
}

fn devices(state: &mut AppState) {
    let device = |id: &str, name: &str| DeviceChoice { id: id.into(), name: name.into() };
    state.devices = Devices {
        known: true,
        cameras: vec![device("0", "Logitech BRIO"), device("1", "Integrated Camera")],
        microphones: vec![device("a", "Blue Yeti"), device("b", "Built-in Audio Analog Stereo")],
        outputs: vec![device("s", "Speakers"), device("h", "Headphones")],
        windows: vec![device("0x1", "river.blend – Blender"), device("0x2", "Terminal")],
        screen: true,
        screen_asks: false,
        desktop_sound: true,
        encoders: vec![device("av1enc", "libaom (av1enc)"), device("rav1e", "rav1e")],
    };
}

const ENGLISH: [(&str, &str, &str, u64); 8] = [
    ("Dawn over the estuary, counting waders with a very long lens and cold fingers", "Tidal Birds", "Outdoors", 1284),
    ("Building a synth from scrap: envelope night", "Ohm Sweet Ohm", "Making", 342),
    ("City final, second half", "Riverside FC", "Sports", 12_840),
    ("Linear algebra for people who forgot it", "Chalk & Coffee", "Teaching", 96),
    ("Cooking with what is left", "Aunt Mei", "Food", 1),
    ("Speedrun practice", "glitchhop", "Games", 48),
    ("", "quiet_room", "", 0),
    ("Piano requests until midnight", "Nocturne", "Music", 731),
];
const CHINESE: [(&str, &str, &str, u64); 8] = [
    ("黎明河口观鸟：长焦镜头和冻僵的手指，一起数数今天来了多少只水鸟", "潮汐观鸟", "户外", 1284),
    ("用废旧零件做合成器：今晚做包络", "欧姆之家", "手工", 342),
    ("城市决赛下半场", "河畔足球俱乐部", "体育", 128_400),
    ("写给忘光了的人的线性代数", "粉笔与咖啡", "教学", 96),
    ("冰箱里剩什么就做什么", "梅姨厨房", "美食", 1),
    ("速通练习", "glitchhop", "游戏", 48),
    ("", "安静的房间", "", 0),
    ("钢琴点歌到午夜", "夜曲", "音乐", 731),
];
const WIDE: &str = "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW";
const CROWDED: [(&str, &str, &str, u64); 6] = [
    (WIDE, "a_name_without_any_place_to_break_it_at_all", "Extraordinarily long category", 1_000_000),
    (
        "超长标题没有任何空格可以换行的时候也应该整整齐齐地在两行以内结束并且显示省略号而不是撑破卡片",
        "一个非常非常非常长的频道名称用来测试省略",
        "很长的分类名称也要处理",
        999_999,
    ),
    ("x", "y", "z", 0),
    ("Ünïcödé – “quotes”, dashes — and 100 % of it", "Дядя Фёдор", "Музыка", 10_000),
    ("12345 67890 12345 67890 12345 67890 12345 67890", "0000000000", "0", 9_999),
    ("A title that is two lines long when the card is narrow and one when it is wide", "Ελληνικά", "Talk", 21),
];

fn item(clock: Clock, index: usize, (title, name, category, viewers): (&str, &str, &str, u64)) -> LiveItem {
    let on_air = [754, 5_025, 3_600, 12, 40_000, 360_000][index % 6] * 1_000_000_i64;
    LiveItem {
        broadcast: BroadcastId(format!("b{index}")),
        channel: ChannelId(format!("c{index}")),
        name: name.into(),
        title: title.into(),
        category: category.into(),
        language: String::new(),
        viewers,
        started: WallClock::from_micros(clock.wall.as_micros() - on_air),
        thumbnail: (index % 7 != 5).then(|| still(index)).flatten(),
    }
}

fn community(state: &mut AppState, clock: Clock, scene: Scene, chinese: bool) {
    let id = CommunityId("riverside".into());
    let name = if chinese { "河畔社区" } else { "Riverside" };
    let since = clock.now.checked_sub(Duration::from_secs(2)).unwrap_or(clock.now);
    let mut community = Community::connecting(since, name.into(), "live.riverside.example".into(), false);
    community.connection = Connection::Online;
    let name = if chinese { "林小满" } else { "Robin" };
    community.person = Some(Person { name: name.into(), guest: false, channel: Some(ChannelId("own".into())) });
    let usual = if chinese { CHINESE } else { ENGLISH };
    let items: Vec<_> = match scene {
        Scene::HomeEmpty | Scene::HomeLoading => Vec::new(),
        Scene::HomeCrowded => CROWDED.iter().cycle().take(18).enumerate().map(|(n, it)| item(clock, n, *it)).collect(),
        _ => usual.iter().enumerate().map(|(n, it)| item(clock, n, *it)).collect(),
    };
    let phase = if scene == Scene::HomeLoading { ListPhase::Loading { since } } else { ListPhase::Ready };
    community.live = LiveList { phase, query: String::new(), items };
    if scene == Scene::HomeUsual {
        community.following = BTreeSet::from([ChannelId("c1".into()), ChannelId("c7".into())]);
    }
    if scene == Scene::HomeOffline {
        community.connection = Connection::Offline(Problem::ServerUnreachable { address: community.address.clone() });
    }
    state.communities.insert(id.clone(), community);
    let mut own = Community::connecting(since, "Runnel".into(), "127.0.0.1".into(), true);
    own.connection = Connection::Online;
    if scene.page() == Page::Settings {
        state.communities.insert(CommunityId("this computer".into()), own);
    }
    state.current = Some(id);
}

fn chat(crowded: bool, chinese: bool) -> Chat {
    let english = [
        ("mika", "the light is unreal this morning"),
        ("Tidal Birds", "Two curlews at the far bank, left of the post."),
        ("jonas_k", "which lens is that?"),
        ("Robin", "600 mm with the 1.4 on it"),
        ("ilse", "just got up for this, worth it. Is there a list of what was seen so far somewhere?"),
    ];
    let zh = [
        ("小鱼", "今早的光线太美了"),
        ("潮汐观鸟", "远处岸边两只白腰杓鹬，在木桩左边。"),
        ("阿杰", "用的什么镜头？"),
        ("林小满", "600 毫米加 1.4 倍增距"),
        ("伊一", "特意早起来看，值了。今天到现在看到的鸟有清单吗？"),
    ];
    let lines = if chinese { zh } else { english };
    let mut chat = Chat { phase: ChatPhase::Open, ..Chat::default() };
    let count = if crowded { 400 } else { lines.len() };
    for (n, (author, text)) in lines.iter().cycle().take(count).enumerate() {
        let text = if crowded && n % 7 == 0 {
            "哈哈哈哈 loooooooooooooooooooooooooooooooooooooooooooooong".to_owned()
        } else {
            (*text).to_owned()
        };
        let author = if crowded && n % 5 == 3 {
            "an_author_with_a_very_long_name_indeed".to_owned()
        } else {
            (*author).to_owned()
        };
        let own = author == "Robin" || author == "林小满";
        chat.apply(ChatEvent::Message(ChatMessage { id: n.to_string(), author, text, at: WallClock::default(), own }));
    }
    chat
}

fn watch(state: &mut AppState, clock: Clock, scene: Scene, chinese: bool) {
    let Some((id, first)) = state.communities.first_key_value().map(|(id, it)| (id.clone(), it.live.items[0].clone()))
    else {
        return;
    };
    let mut watch = WatchState::opening(clock.now, id, first.channel, first.name, first.title);
    watch.category = first.category;
    watch.viewers = if scene == Scene::WatchCrowded { 1_000_000 } else { first.viewers };
    watch.started = first.started;
    let since = clock.now.checked_sub(Duration::from_secs(3)).unwrap_or(clock.now);
    watch.phase = match scene {
        Scene::WatchStalled => WatchPhase::Stalled { since },
        Scene::WatchEnded => WatchPhase::Ended(EndReason::Ended),
        _ => WatchPhase::Playing,
    };
    watch.picture = Some(feed());
    watch.chat = chat(scene == Scene::WatchCrowded, chinese);
    watch.telemetry = WatchTelemetry {
        behind: Some(Duration::from_millis(840)),
        buffer: Duration::from_millis(420),
        size: Some((1280, 720)),
        fps: Some(30.0),
        bitrate_kbps: Some(2480),
        codecs: "av01.0.05M.08, opus".into(),
        frames_shown: 22_610,
        frames_skipped: 3,
        av_offset_ms: Some(-12.0),
        ..WatchTelemetry::default()
    };
    state.watch = Some(watch);
    if scene == Scene::WatchAlone {
        swarm::alone(state);
    } else {
        swarm::usual(state, clock);
    }
}

fn studio(state: &mut AppState, clock: Clock, scene: Scene, chinese: bool) {
    let live = matches!(scene, Scene::StudioLive | Scene::StudioTrouble);
    let since = clock.now.checked_sub(Duration::from_secs(754)).unwrap_or(clock.now);
    state.settings.title = if chinese { "黎明河口观鸟" } else { "Dawn over the estuary" }.into();
    let studio = &mut state.studio;
    studio.community = state.current.clone();
    studio.channel = Some(ChannelId("own".into()));
    studio.source = SourceChoice::Camera(0);
    studio.sound = SoundChoice::NamedMicrophone("a".into());
    studio.level = Level { peak: [-9.0, -14.0], loudness: [-20.0, -24.0] };
    studio.preview = (scene != Scene::StudioIdle).then(feed);
    if scene == Scene::StudioIdle {
        (studio.source, studio.sound, studio.level) = (SourceChoice::Nothing, SoundChoice::Source, Level::default());
    }
    if scene == Scene::StudioEnded {
        let length = Duration::from_secs(5025);
        studio.phase =
            StudioPhase::Ended(BroadcastSummary { length, peak_viewers: 1284, dropped: 12, captured: 150_750 });
    }
    if !live {
        return;
    }
    studio.phase = StudioPhase::Live { since };
    studio.health = match scene {
        Scene::StudioTrouble => Health::Bad(Problem::CameraBusy),
        _ => Health::Good,
    };
    if scene == Scene::StudioTrouble {
        studio.sound = SoundChoice::NamedMicrophone("alsa_input.usb-R__DE_Microphones_NT-USB-00.iec958-stereo".into());
        studio.level = Level { peak: [-1.0, -2.0], loudness: [-6.0, -8.0] };
        studio.muted = true;
    }
    studio.chat = chat(false, chinese);
    studio.telemetry = StudioTelemetry {
        encoder: Some(Encoder { name: "libaom (av1enc)".into(), reason: "fastest of 3 that hold 30 fps".into() }),
        size: Some((1280, 720)),
        fps: Some(30.0),
        bitrate_kbps: Some(2500),
        upload_kbps: Some(2530),
        copies: Some(2.1),
        offload: Some(0.93),
        viewers: 1284,
        captured: 22_620,
        dropped: [("capture".to_owned(), 2), ("encode".to_owned(), 7)].into(),
        stage_ms: [("encode".to_owned(), (18.4, 26.1)), ("upload".to_owned(), (3.2, 9.0))].into(),
    };
}

/// A clock that stands still.
#[expect(clippy::disallowed_methods, reason = "any instant serves as the start of a sample's time")]
pub(crate) fn clock() -> Clock {
    Clock { now: Instant::now(), wall: WallClock::from_micros(1_790_000_000_000_000) }
}
