//! The icons we use, from Phosphor: one set, one stroke.

/// App window.
pub const APP_WINDOW: &str = "\u{E5DA}";
/// Arrow clockwise.
pub const ARROW_CLOCKWISE: &str = "\u{E036}";
/// Arrow counter clockwise.
pub const ARROW_COUNTER_CLOCKWISE: &str = "\u{E038}";
/// Broadcast.
pub const BROADCAST: &str = "\u{E0F2}";
/// Caret down.
pub const CARET_DOWN: &str = "\u{E136}";
/// Caret up.
pub const CARET_UP: &str = "\u{E13C}";
/// Chat circle text.
pub const CHAT_CIRCLE_TEXT: &str = "\u{E16E}";
/// Check.
pub const CHECK: &str = "\u{E182}";
/// Checkerboard.
pub const CHECKERBOARD: &str = "\u{E8C4}";
/// Check circle.
pub const CHECK_CIRCLE: &str = "\u{E184}";
/// Corners in.
pub const CORNERS_IN: &str = "\u{E1CE}";
/// Corners out.
pub const CORNERS_OUT: &str = "\u{E1D0}";
/// Eye.
pub const EYE: &str = "\u{E220}";
/// Film strip.
pub const FILM_STRIP: &str = "\u{E792}";
/// Gear six.
pub const GEAR_SIX: &str = "\u{E272}";
/// Globe.
pub const GLOBE: &str = "\u{E288}";
/// Hard drives.
pub const HARD_DRIVES: &str = "\u{E2A0}";
/// Heart.
pub const HEART: &str = "\u{E2A8}";
/// House.
pub const HOUSE: &str = "\u{E2C2}";
/// Image.
pub const IMAGE: &str = "\u{E2CA}";
/// Info.
pub const INFO: &str = "\u{E2CE}";
/// Key.
pub const KEY: &str = "\u{E2D6}";
/// Magnifying glass.
pub const MAGNIFYING_GLASS: &str = "\u{E30C}";
/// Microphone.
pub const MICROPHONE: &str = "\u{E326}";
/// Microphone slash.
pub const MICROPHONE_SLASH: &str = "\u{E328}";
/// Monitor.
pub const MONITOR: &str = "\u{E32E}";
/// Paper plane right.
pub const PAPER_PLANE_RIGHT: &str = "\u{E396}";
/// Pause.
pub const PAUSE: &str = "\u{E39E}";
/// Play.
pub const PLAY: &str = "\u{E3D0}";
/// Plugs.
pub const PLUGS: &str = "\u{EB56}";
/// Plus.
pub const PLUS: &str = "\u{E3D4}";
/// Pulse.
pub const PULSE: &str = "\u{E000}";
/// Question.
pub const QUESTION: &str = "\u{E3E8}";
/// Share network.
pub const SHARE_NETWORK: &str = "\u{E408}";
/// Sliders horizontal.
pub const SLIDERS_HORIZONTAL: &str = "\u{E434}";
/// Speaker high.
pub const SPEAKER_HIGH: &str = "\u{E44A}";
/// Speaker low.
pub const SPEAKER_LOW: &str = "\u{E44C}";
/// Speaker slash.
pub const SPEAKER_SLASH: &str = "\u{E45A}";
/// Stop.
pub const STOP: &str = "\u{E46C}";
/// Television simple.
pub const TELEVISION_SIMPLE: &str = "\u{EAE6}";
/// Text align right.
pub const TEXT_ALIGN_RIGHT: &str = "\u{E486}";
/// Translate.
pub const TRANSLATE: &str = "\u{E4A2}";
/// Trash.
pub const TRASH: &str = "\u{E4A6}";
/// User circle.
pub const USER_CIRCLE: &str = "\u{E4C4}";
/// Video camera.
pub const VIDEO_CAMERA: &str = "\u{E4DA}";
/// Warning.
pub const WARNING: &str = "\u{E4E0}";
/// Warning circle.
pub const WARNING_CIRCLE: &str = "\u{E4E2}";
/// Webcam.
pub const WEBCAM: &str = "\u{E9B2}";
/// Wifi slash.
pub const WIFI_SLASH: &str = "\u{E4F2}";
/// X.
pub const X: &str = "\u{E4F6}";
