## The frame around all screens

nav-home = Home
nav-watch = Now watching
nav-studio = Studio
nav-settings = Settings
nav-wide = Show names
nav-narrow = Hide names
connection-online = Connected to { $name }
connection-connecting = Connecting to { $name }…
connection-offline = { $name } can’t be reached
connection-none = Not connected
account-guest = Guest
account-signed-in = Signed in as { $name }
window-closing = Ending everything in good order…

dismiss = Dismiss
cancel = Cancel
close = Close
retry = Try again
undo = Undo
times = ×{ $count }

## Numbers with their words

viewers =
    { $count ->
        [one] { $text } viewer
       *[other] { $text } viewers
    }
people-connected =
    { $count ->
        [one] { $text } computer
       *[other] { $text } computers
    }
seconds = { $text } s
milliseconds = { $text } ms
kilobits = { $text } kb/s
megabits = { $text } Mb/s
megabytes = { $text } MB
gigabytes = { $text } GB
percent = { $text } %
decibels = { $text } dB
size-and-rate = { $width } × { $height }, { $fps } fps

## Home

home-title = Live now
home-following = Following
home-search = Search live channels
home-search-shortcut = Search ({ $keys })
home-refresh = Look again
home-empty = Nobody is live right now
home-empty-text = Be the first, or come back later: this page fills by itself.
home-welcome = Watch live, go live
home-welcome-text = Runnel joins you to communities where viewers pass the picture on to each other, so nobody needs a big server.
home-go-live = Go live
home-connect = Connect to a community
home-nothing-found = Nothing live matches “{ $query }”
home-nothing-found-text = Try a channel’s name, a title or a category.
home-show-all = Show everything
home-offline = { $name } can’t be reached
home-offline-text = Check your connection. Runnel keeps trying by itself.
home-last-seen = Last seen here. These may have ended.
home-communities = Community
card-live = LIVE
card-label = { $title }, { $name }, { $viewers }
card-untitled = Untitled

connect-title = Connect to a community
connect-text = Ask the people who run it for the address. It looks like a web address.
connect-address = Address
connect-address-hint = live.example.org
connect-do = Connect

## Watching

watch-back = Back to Home
watch-play = Play
watch-pause = Pause
watch-mute = Mute
watch-unmute = Sound on
watch-volume = Volume
watch-fullscreen = Full screen
watch-fullscreen-leave = Leave full screen
watch-live = LIVE
watch-live-behind = LIVE −{ $seconds } s
watch-behind = −{ $seconds } s
watch-behind-tip = How far the picture is behind what happens
watch-catch-up = Catch up with what happens now
watch-peers = { $percent } from viewers
watch-peers-none = From the server
watch-peers-broadcaster = From the broadcaster
watch-peers-tip = Where the picture comes from
watch-follow = Follow
watch-unfollow = Following
watch-opening = Opening the picture…
watch-stalled = Waiting for the picture. It goes on by itself.
watch-ended = The broadcast has ended
watch-stopped = The broadcast stopped
watch-stopped-text = It goes on here by itself if { $name } comes back.
watch-taken-down = The community took this broadcast down
watch-also-live = Also live
watch-chat-show = Show chat
watch-chat-hide = Hide chat
watch-barrage-show = Show flying comments
watch-barrage-hide = Hide flying comments
watch-nothing = Nothing to watch yet
watch-nothing-text = Choose a live channel on Home.
watch-picture = Picture of { $name }
watch-sound-lost = No sound output. Plug one in, or choose one in Settings.

swarm-tab = Delivery
swarm-title = Where the picture comes from
swarm-viewers = Other viewers
swarm-broadcaster = The broadcaster
swarm-server = The server
swarm-given = You passed on
swarm-connected = Connected to
swarm-rejected = Refused as damaged
swarm-off = Sharing is off: everything comes from the server.
swarm-on = You pass on what you watch to other viewers.
swarm-change = Change in Settings
stats-title = Picture and sound
stats-size = Size
stats-bitrate = Data rate
stats-codecs = Format
stats-behind = Behind
stats-buffer = In store
stats-shown = Shown
stats-skipped = Skipped
stats-stalls = Stood still
stats-sync = Picture after sound
stats-unknown = –
panel-close = Close

## Chat

chat-title = Chat
chat-empty = No messages yet. Say hello.
chat-hint = Write a message
chat-send = Send
chat-connecting = Joining the chat…
chat-read-only = Sign in to write.
chat-closed = The chat is closed.
chat-newest =
    { $count ->
        [one] { $text } new message
       *[other] { $text } new messages
    }
chat-delete = Delete
chat-message = { $author }: { $text }

## Studio

studio-sources = Sources
studio-picture = Picture
studio-sound = Sound
studio-preview = Preview
studio-chat = Chat
source-none = No picture
source-test = Test picture
source-screen = Whole screen
source-screen-asks = Screen or window…
source-window = Window…
source-window-gone = A window that was closed
source-camera = Camera { $number }
source-file = Video file…
source-file-chosen = { $name }
source-looking = Looking for devices…
source-again = Look for devices again
device-gone = { $name } (not connected)
sound-source = From the picture’s source
sound-microphone = Microphone
sound-desktop = What this computer plays
sound-silence = Silence
studio-preview-empty = Choose a picture to see it here.
studio-preview-opening = Opening the picture…
preview-sound = What is heard now
studio-margins-show = Show safe margins
studio-margins-hide = Hide safe margins
studio-title = Title
studio-title-hint = What is it about?
studio-go-live = Go live
studio-starting = Going live…
studio-end = Hold to end
studio-end-hint = Hold the button, or press { $keys } and confirm.
studio-ending = Ending…
studio-live = LIVE { $time }
studio-mute = Mute sound
studio-unmute = Sound on
studio-gain = Gain
studio-peak = Peak { $value }
studio-peak-silent = Silent
studio-left = Left
studio-right = Right
studio-encoder-auto = The best encoder that is fast enough, chosen when you go live
studio-encoder-named = { $name }
studio-encoder-fixed = { $name }, chosen in Settings
studio-rate = { $size }, { $rate }
studio-change = Change in Settings
studio-details = Details
studio-drops = Frames dropped
studio-drops-none = None dropped
studio-stage-time = Time each step takes
studio-upload = Upload
studio-captured = Captured
studio-over = The broadcast is over
studio-over-length = On air
studio-over-peak = Most viewers
studio-over-drops = Frames dropped
studio-over-done = Done
studio-community = Live in
studio-no-community = Connect to a community to go live.
stage-capture = Capture
stage-preprocess = Preparing
stage-encode = Encoding
stage-package = Packing
stage-upload = Sending
health-idle = Not on air
health-ready = Ready to go live
health-good = Good
health-starting = Looking for the best encoder…

end-title = End the broadcast?
end-text =
    { $count ->
        [0] Nobody is watching right now.
        [one] { $text } person is watching.
       *[other] { $text } people are watching.
    }
end-do = End the broadcast
end-stay = Stay live
close-title = You are live
close-text = Closing Runnel ends the broadcast for everyone who watches.
close-do = End and close
close-stay = Stay live

windows-title = Choose a window
windows-text = Viewers see this window only. It must stay open and must not be minimised.
windows-none = No open windows were found.

path-title-source = Which video file?
path-title-import = Which file of keys?
path-title-export = Save the keys where?
path-text = This computer has no file dialog. Type or paste the whole path of the file.
path-text-drop = This computer has no file dialog. Type or paste the whole path of the file, or drop the file on this window.
path-label = Path
path-whole = A whole path begins at the top folder.
path-open = Open
path-save = Save

## Settings

settings-title = Settings
settings-search = Search settings
settings-none-found = No setting matches “{ $query }”.
settings-undo = { $setting } changed
group-general = General
group-community = Communities
group-sharing = Sharing
group-watching = Watching
group-broadcast = Broadcasting
group-keys = Channel keys
setting-language = Language
setting-language-about = The language of Runnel itself.
setting-language-system = As the system
setting-theme = Theme
setting-theme-about = Light or dark. The picture stays as it is.
setting-theme-system = As the system
setting-theme-dark = Dark
setting-theme-light = Light
setting-text = Text size
setting-text-about = Makes all text larger or smaller.
setting-motion = Less movement
setting-motion-about = Menus and panels change at once. The video is not affected.
setting-communities = Joined communities
setting-communities-about = Each runs its own server and keeps its own rules.
community-embedded = Runs on this computer
community-leave = Leave
community-sign-in = Sign in
community-sign-out = Sign out
setting-sharing = Pass on what you watch
setting-sharing-about = Viewers send pieces of the picture to each other. Those you exchange with can see your network address. Off: everything comes from the server.
setting-cap = Upload at most
setting-cap-about = What passing on may use of your connection. Your own broadcasts are not limited by it.
setting-cap-none = No limit
setting-delay = Delay
setting-delay-about = How far behind the picture is meant to be. More is steadier on a weak connection.
setting-output = Sound output
setting-output-about = Where you hear broadcasts.
setting-device-default = As the system
setting-barrage = Flying comments
setting-barrage-about = Chat messages fly over the picture.
setting-barrage-opacity = How solid they are
setting-barrage-opacity-about = Less lets the picture through.
setting-barrage-area = How far down they reach
setting-barrage-area-about = The rest of the picture stays free.
setting-barrage-size = Size of flying comments
setting-barrage-size-about = 100 % suits the picture.
setting-barrage-speed = Speed of flying comments
setting-barrage-speed-about = 100 % takes eight seconds from edge to edge.
area-quarter = A quarter
area-half = Half
area-three-quarters = Three quarters
area-all = All of it
setting-source = Picture
setting-source-about = What viewers see. The studio opens with it.
setting-pointer = Show the mouse pointer
setting-pointer-about = In the picture of a screen or window.
setting-sound = Sound
setting-sound-about = What viewers hear. The studio opens with it.
setting-denoise = Remove noise
setting-denoise-about = Takes fans and hiss out of a voice. Music suffers, so it is off at first.
setting-check = See and hear it
setting-check-about = The picture and sound chosen above, as they are now. Nobody else sees this.
setting-size = Size
setting-size-about = Larger needs a faster computer and connection.
setting-fps = Pictures a second
setting-fps-about = 30 suits most; 60 for fast games.
setting-bitrate = Data rate
setting-bitrate-about = What your upload carries. More looks better.
setting-encoder = Encoder
setting-encoder-about = Runnel tries each and takes the best that is fast enough.
setting-encoder-auto = The best that is fast enough
setting-role = You mostly
setting-role-about = Decides which page opens first.
role-watch = Watch
role-stream = Stream
role-both = Both
setting-keys-export = Export keys
setting-keys-export-about = A copy under a passphrase lets you go live on your channel from another computer.
setting-keys-export-do = Export…
setting-keys-import = Import keys
setting-keys-import-about = Takes in a copy that was exported on another computer.
setting-keys-import-do = Import…
setting-keys-revoke = Replace this computer’s key
setting-keys-revoke-about = For a stolen or shared computer. Broadcasts signed with the old key are refused from then on.
setting-keys-revoke-live = You are live with this key. End the broadcast first, then replace it.
setting-keys-revoke-do = Replace…
keys-passphrase = Passphrase
keys-passphrase-hint = At least 8 characters
keys-export-title = Export channel keys
keys-export-text = Whoever has the file and the passphrase can go live in your name. There is no way to recover the passphrase.
keys-import-title = Import channel keys
keys-import-text = Type the passphrase under which they were exported, then choose the file.
keys-unlock-title = Passphrase for your keys
keys-unlock-text = This computer has no keyring. Your channel’s key is kept in a file that only this passphrase opens. The first time, choose one; there is no way to recover it.
keys-unlock-do = Open
keys-revoke-title = Replace this computer’s key?
keys-revoke-text = Copies you exported from this computer stop working too. This cannot be undone.
keys-revoke-confirm = Replace the key
leave-title = Leave { $name }?
leave-text = Runnel forgets your sign-in there and whom you follow. Your account stays with the community.
leave-do = Leave
sign-in-title = Sign in to { $name }
sign-in-name = Name
sign-in-password = Password
sign-in-do = Sign in
sign-up-do = Make a new account

## First start

welcome-step = { $step } of { $count }
welcome-skip = Skip
welcome-next = Next
welcome-back = Back
welcome-done = Start
welcome-language-title = Welcome to Runnel
welcome-language-text = Which language do you want to read?
welcome-role-title = What brings you here?
welcome-role-text = You can do everything later anyway. This decides which page opens first.
welcome-role-watch = Watch
welcome-role-watch-text = Find live channels and chat.
welcome-role-stream = Stream
welcome-role-stream-text = Show your screen, camera or a film.
welcome-role-both = Both
welcome-role-both-text = A bit of everything.
welcome-sharing-title = Share what you watch?
welcome-sharing-text = Runnel works best when viewers pass the picture on to each other.
welcome-sharing-what = What: small pieces of the broadcast you are watching, while you are watching it. Nothing else.
welcome-sharing-whom = With whom: other people watching the same broadcast. You do not know them, and they can see your network address.
welcome-sharing-stop = How to stop: switch it off in Settings at any time. Then everything comes from the server.
welcome-sharing-on = Share
welcome-sharing-off = Don’t share
welcome-devices-title = Picture and sound
welcome-devices-text = Used when you go live. You can change them there.

## Keyboard

keys-title = Keyboard
keys-open = Keyboard shortcuts
shortcut-play = Play or pause
shortcut-mute = Sound on or off
shortcut-fullscreen = Full screen
shortcut-volume = Volume
shortcut-live = Catch up
shortcut-barrage = Flying comments
shortcut-chat = Write in the chat
shortcut-panel = Where the picture comes from
shortcut-search = Search
shortcut-go-live = Go live, or end
shortcut-help = This list
shortcut-back = Back, or leave full screen
shortcut-pages = Home, Studio, Settings
shortcut-rest = Single letters rest while you write.
