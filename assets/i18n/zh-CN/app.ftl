## 各页面共用的边框

nav-home = 首页
nav-watch = 正在观看
nav-studio = 开播
nav-settings = 设置
nav-wide = 显示名称
nav-narrow = 隐藏名称
connection-online = 已连接到“{ $name }”
connection-connecting = 正在连接“{ $name }”…
connection-offline = 无法连接“{ $name }”
connection-none = 未连接
account-guest = 游客
account-signed-in = 已登录：{ $name }
window-closing = 正在妥善收尾…

dismiss = 知道了
cancel = 取消
close = 关闭
retry = 重试
undo = 撤销
times = ×{ $count }

## 数字与单位

viewers =
    { $count ->
       *[other] { $text }人观看
    }
people-connected =
    { $count ->
       *[other] { $text }台电脑
    }
seconds = { $text } 秒
milliseconds = { $text } 毫秒
kilobits = { $text } kb/s
megabits = { $text } Mb/s
megabytes = { $text } MB
gigabytes = { $text } GB
percent = { $text }%
decibels = { $text } dB
size-and-rate = { $width } × { $height }，{ $fps } 帧/秒

## 首页

home-title = 正在直播
home-following = 我的关注
home-search = 搜索直播
home-search-shortcut = 搜索（{ $keys }）
home-refresh = 刷新
home-empty = 现在还没有人直播
home-empty-text = 来做第一个开播的人，或者稍后再看看，这里会自动更新。
home-welcome = 看直播，也开直播
home-welcome-text = Runnel 带你加入各个社区。观众之间互相传递画面，谁都不需要昂贵的服务器。
home-go-live = 开始直播
home-connect = 连接社区
home-nothing-found = 没有找到与“{ $query }”相关的直播
home-nothing-found-text = 试试频道名、标题或分类。
home-show-all = 显示全部
home-offline = 无法连接“{ $name }”
home-offline-text = 请检查网络，Runnel 会自动重试。
home-last-seen = 以下为上次看到的内容，可能已经结束。
home-communities = 社区
card-live = 直播
card-label = { $title }，{ $name }，{ $viewers }
card-untitled = 未命名的直播

connect-title = 连接社区
connect-text = 请向社区管理员索取地址，它的样子和网址差不多。
connect-address = 地址
connect-address-hint = live.example.org
connect-do = 连接

## 观看

watch-back = 返回首页
watch-play = 播放
watch-pause = 暂停
watch-mute = 静音
watch-unmute = 打开声音
watch-volume = 音量
watch-fullscreen = 全屏
watch-fullscreen-leave = 退出全屏
watch-live = 直播
watch-live-behind = 直播 −{ $seconds } 秒
watch-behind = −{ $seconds } 秒
watch-behind-tip = 画面比现场晚多少
watch-catch-up = 追上现场
watch-peers = 观众互传 { $percent }
watch-peers-broadcaster = 来自主播
watch-peers-none = 来自服务器
watch-peers-tip = 画面从哪里来
watch-follow = 关注
watch-unfollow = 已关注
watch-opening = 正在打开画面…
watch-stalled = 正在等待画面，会自动恢复。
watch-ended = 直播已结束
watch-stopped = 直播中断了
watch-stopped-text = 如果 { $name } 回来，这里会自动继续播放。
watch-taken-down = 此直播已被社区下架
watch-also-live = 其他直播
watch-chat-show = 显示聊天
watch-chat-hide = 隐藏聊天
watch-barrage-show = 打开弹幕
watch-barrage-hide = 关闭弹幕
watch-nothing = 还没有选择直播
watch-nothing-text = 请在首页选择一个频道。
watch-picture = { $name } 的画面
watch-sound-lost = 没有声音输出设备。请接上设备，或在设置中选择一个。

swarm-tab = 画面来源
swarm-title = 画面从哪里来
swarm-viewers = 其他观众
swarm-broadcaster = 主播
swarm-server = 服务器
swarm-given = 你传给别人
swarm-connected = 已连接
swarm-rejected = 因损坏而拒收
swarm-off = 互传已关闭，所有画面都来自服务器。
swarm-on = 你正在把看到的画面传给其他观众。
swarm-change = 在设置中更改
stats-title = 画面与声音
stats-size = 尺寸
stats-bitrate = 码率
stats-codecs = 格式
stats-behind = 延迟
stats-buffer = 缓冲
stats-shown = 已显示
stats-skipped = 已跳过
stats-stalls = 卡顿
stats-sync = 画面晚于声音
stats-unknown = –
panel-close = 关闭

## 聊天

chat-title = 聊天
chat-empty = 还没有消息，打个招呼吧。
chat-hint = 说点什么
chat-send = 发送
chat-connecting = 正在加入聊天…
chat-read-only = 登录后才能发言。
chat-closed = 聊天已关闭。
chat-newest =
    { $count ->
       *[other] { $text } 条新消息
    }
chat-delete = 删除
chat-message = { $author }：{ $text }

## 开播

studio-sources = 来源
studio-picture = 画面
studio-sound = 声音
studio-preview = 预览
studio-chat = 聊天
source-none = 不传画面
source-test = 测试画面
source-screen = 整个屏幕
source-screen-asks = 屏幕或窗口…
source-window = 窗口…
source-window-gone = 已关闭的窗口
source-camera = 摄像头 { $number }
source-file = 视频文件…
source-file-chosen = { $name }
source-looking = 正在查找设备…
source-again = 重新查找设备
device-gone = { $name }（未连接）
sound-source = 画面自带的声音
sound-microphone = 麦克风
sound-desktop = 电脑播放的声音
sound-silence = 静音
studio-preview-empty = 选择画面后，就会显示在这里。
studio-preview-opening = 正在打开画面…
preview-sound = 现在听到的声音
studio-margins-show = 显示安全边距
studio-margins-hide = 隐藏安全边距
studio-title = 标题
studio-title-hint = 今天播什么？
studio-go-live = 开始直播
studio-starting = 正在开播…
studio-end = 按住结束
studio-end-hint = 请按住按钮，或按 { $keys } 后确认。
studio-ending = 正在结束…
studio-live = 直播中 { $time }
studio-mute = 静音
studio-unmute = 打开声音
studio-gain = 增益
studio-peak = 峰值 { $value }
studio-peak-silent = 没有声音
studio-left = 左声道
studio-right = 右声道
studio-encoder-auto = 开播时自动选用速度足够的最佳编码器
studio-encoder-named = { $name }
studio-encoder-fixed = { $name }（在设置中选定）
studio-rate = { $size }，{ $rate }
studio-change = 在设置中更改
studio-details = 详情
studio-drops = 丢帧
studio-drops-none = 没有丢帧
studio-stage-time = 各步骤用时
studio-upload = 上传
studio-captured = 已采集
studio-over = 直播结束了
studio-over-length = 直播时长
studio-over-peak = 最高在线
studio-over-drops = 丢帧
studio-over-done = 完成
studio-community = 直播到
studio-no-community = 连接社区后才能开播。
stage-capture = 采集
stage-preprocess = 预处理
stage-encode = 编码
stage-package = 打包
stage-upload = 发送
health-idle = 未开播
health-ready = 可以开播
health-good = 状态良好
health-starting = 正在挑选最佳编码器…

end-title = 结束直播？
end-text =
    { $count ->
        [0] 现在没有人在看。
       *[other] 现在有 { $text }人在看。
    }
end-do = 结束直播
end-stay = 继续直播
close-title = 你正在直播
close-text = 关闭 Runnel 后，所有观众的直播都会结束。
close-do = 结束并关闭
close-stay = 继续直播

windows-title = 选择窗口
windows-text = 观众只能看到这个窗口。请让它保持打开，不要最小化。
windows-none = 没有找到打开的窗口。

path-title-source = 选择哪个视频文件？
path-title-import = 选择哪个密钥文件？
path-title-export = 密钥保存到哪里？
path-text = 这台电脑没有文件对话框。请输入或粘贴文件的完整路径。
path-text-drop = 这台电脑没有文件对话框。请输入或粘贴文件的完整路径，也可以把文件拖到这个窗口。
path-label = 路径
path-whole = 完整路径要从最上层文件夹写起。
path-open = 打开
path-save = 保存

## 设置

settings-title = 设置
settings-search = 搜索设置
settings-none-found = 没有与“{ $query }”相关的设置。
settings-undo = 已更改：{ $setting }
group-general = 通用
group-community = 社区
group-sharing = 互传
group-watching = 观看
group-broadcast = 直播
group-keys = 频道密钥
setting-language = 语言
setting-language-about = Runnel 界面的语言。
setting-language-system = 跟随系统
setting-theme = 主题
setting-theme-about = 浅色或深色，不影响画面。
setting-theme-system = 跟随系统
setting-theme-dark = 深色
setting-theme-light = 浅色
setting-text = 文字大小
setting-text-about = 放大或缩小所有文字。
setting-motion = 减少动态效果
setting-motion-about = 菜单和面板直接切换，不影响视频。
setting-communities = 已加入的社区
setting-communities-about = 每个社区有自己的服务器和规则。
community-embedded = 在这台电脑上运行
community-leave = 退出社区
community-sign-in = 登录
community-sign-out = 退出登录
setting-sharing = 把看到的画面传给别人
setting-sharing-about = 观众之间互相传递画面片段，与你互传的人能看到你的网络地址。关闭后，所有画面都来自服务器。
setting-cap = 上传上限
setting-cap-about = 互传最多占用多少带宽，不影响你自己的直播。
setting-cap-none = 不限
setting-delay = 延迟
setting-delay-about = 画面比现场晚多少。网络不稳时，调大会更流畅。
setting-output = 声音输出
setting-output-about = 从哪里听直播的声音。
setting-device-default = 跟随系统
setting-barrage = 弹幕
setting-barrage-about = 聊天消息从画面上飘过。
setting-barrage-opacity = 弹幕不透明度
setting-barrage-opacity-about = 调低可以看清后面的画面。
setting-barrage-area = 弹幕范围
setting-barrage-area-about = 画面其余部分不会被遮挡。
setting-barrage-size = 弹幕大小
setting-barrage-size-about = 100 % 与画面大小相称。
setting-barrage-speed = 弹幕速度
setting-barrage-speed-about = 100 % 时，飘过画面需要 8 秒。
area-quarter = 四分之一
area-half = 一半
area-three-quarters = 四分之三
area-all = 全部
setting-source = 画面
setting-source-about = 观众看到的内容，打开开播页时使用。
setting-pointer = 显示鼠标指针
setting-pointer-about = 在屏幕或窗口的画面里显示。
setting-sound = 声音
setting-sound-about = 观众听到的内容，打开开播页时使用。
setting-denoise = 降噪
setting-denoise-about = 去掉人声里的风扇声和嘶声。会影响音乐，所以默认关闭。
setting-check = 试看试听
setting-check-about = 上面所选画面和声音此刻的样子，别人看不到。
setting-size = 画面尺寸
setting-size-about = 越大越需要更快的电脑和网络。
setting-fps = 帧率
setting-fps-about = 一般 30 就够，快节奏游戏选 60。
setting-bitrate = 码率
setting-bitrate-about = 占用的上传带宽，越高越清晰。
setting-encoder = 编码器
setting-encoder-about = Runnel 会逐个测试，选用速度足够的最佳编码器。
setting-encoder-auto = 自动选用最佳编码器
setting-role = 你主要想
setting-role-about = 决定启动时打开哪个页面。
role-watch = 看直播
role-stream = 开直播
role-both = 都要
setting-keys-export = 导出密钥
setting-keys-export-about = 用口令加密的副本，可以让你在另一台电脑上用自己的频道开播。
setting-keys-export-do = 导出…
setting-keys-import = 导入密钥
setting-keys-import-about = 导入在另一台电脑上导出的副本。
setting-keys-import-do = 导入…
setting-keys-revoke = 更换这台电脑的密钥
setting-keys-revoke-about = 电脑被盗或借给别人时使用。之后用旧密钥签名的直播都会被拒绝。
setting-keys-revoke-live = 你正在用这个密钥直播。请先结束直播，再更换密钥。
setting-keys-revoke-do = 更换…
keys-passphrase = 口令
keys-passphrase-hint = 至少 8 个字符
keys-export-title = 导出频道密钥
keys-export-text = 拿到文件和口令的人，可以用你的名义开播。口令丢失后无法找回。
keys-import-title = 导入频道密钥
keys-import-text = 请输入导出时的口令，然后选择文件。
keys-unlock-title = 密钥的口令
keys-unlock-text = 这台电脑没有密钥环。频道密钥会保存在只有这个口令才能打开的文件中。首次使用请设置口令，丢失后无法找回。
keys-unlock-do = 打开
keys-revoke-title = 更换这台电脑的密钥？
keys-revoke-text = 从这台电脑导出的副本也会失效。此操作无法撤销。
keys-revoke-confirm = 更换密钥
leave-title = 退出“{ $name }”？
leave-text = Runnel 会忘记你在那里的登录和关注，你的帐号仍保留在社区。
leave-do = 退出社区
sign-in-title = 登录“{ $name }”
sign-in-name = 用户名
sign-in-password = 密码
sign-in-do = 登录
sign-up-do = 注册新帐号

## 首次启动

welcome-step = 第 { $step } 步，共 { $count } 步
welcome-skip = 跳过
welcome-next = 下一步
welcome-back = 上一步
welcome-done = 开始使用
welcome-language-title = 欢迎使用 Runnel
welcome-language-text = 你想使用哪种语言？
welcome-role-title = 你来这里想做什么？
welcome-role-text = 之后什么都可以做，这里只决定启动时打开哪个页面。
welcome-role-watch = 看直播
welcome-role-watch-text = 找到喜欢的频道，一起聊天。
welcome-role-stream = 开直播
welcome-role-stream-text = 分享你的屏幕、摄像头或影片。
welcome-role-both = 都要
welcome-role-both-text = 看看别人，也秀秀自己。
welcome-sharing-title = 可以把你看到的画面传给别人吗？
welcome-sharing-text = 观众之间互相传递画面时，Runnel 的效果最好。
welcome-sharing-what = 传什么：只有你正在看的直播的小片段，而且只在你观看的时候。
welcome-sharing-whom = 传给谁：正在看同一场直播的其他人。你不认识他们，他们能看到你的网络地址。
welcome-sharing-stop = 怎样停止：随时可以在设置中关闭，之后所有画面都来自服务器。
welcome-sharing-on = 互传
welcome-sharing-off = 不互传
welcome-devices-title = 画面与声音
welcome-devices-text = 开播时使用，到时也可以更换。

## 键盘

keys-title = 键盘
keys-open = 键盘快捷键
shortcut-play = 播放或暂停
shortcut-mute = 打开或关闭声音
shortcut-fullscreen = 全屏
shortcut-volume = 音量
shortcut-live = 追上现场
shortcut-barrage = 弹幕
shortcut-chat = 发言
shortcut-panel = 画面从哪里来
shortcut-search = 搜索
shortcut-go-live = 开始或结束直播
shortcut-help = 本列表
shortcut-back = 返回，或退出全屏
shortcut-pages = 首页、开播、设置
shortcut-rest = 输入文字时，单字母快捷键不生效。
