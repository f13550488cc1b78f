## 出了什么问题，接下来怎么办。下一步是按钮：`next-…`。

problem-server-unreachable = { $address } 没有回应。请检查地址和网络，Runnel 会继续重试。
problem-address-invalid = “{ $address }”不是有效的地址，它应该类似 live.example.org。
problem-app-too-old = 这个社区需要更新版本的 Runnel。请更新后再连接。
problem-sign-in-refused = 用户名或密码不正确，请重试。
problem-name-taken = 这个名字已经有人用了，请换一个。
problem-not-allowed = 社区不允许这样做，请联系管理员。
problem-not-live = 这个频道已经不在直播。
problem-taken-down = 直播已被社区下架，请向管理员询问原因。
problem-camera-busy = 摄像头正被其他程序使用。请在那里关闭它，或选择另一个摄像头。
problem-camera-lost = 摄像头断开了。请重新接上，或选择其他画面；在此之前观众会看到静止画面。
problem-microphone-lost = 麦克风断开了。请重新接上，或选择其他声音；在此之前观众听不到声音。
problem-permission-refused = 系统不允许 Runnel 使用该设备。请在系统设置中允许，然后重试。
problem-screen-lost = 无法显示该屏幕或窗口。请重新选择，或选择其他画面。
problem-file-unreadable = 无法播放“{ $name }”，请选择其他文件。
problem-output-lost = 没有声音输出设备。请接上设备，或在设置中选择一个。
problem-encoder-slow = 电脑太忙，观众现在看到的是 { $height }p、{ $fps } 帧/秒。请关闭其他程序，或选择较小的尺寸。
problem-encoder-failed = 没有可用的编码器，请在设置中换一个。
problem-upload-slow = 上传速度达不到当前码率，请调低码率。
problem-upload-lost = 无法连接服务器。直播内容已保留，恢复后自动继续。
problem-decoder-failed = 画面无法显示，会从下一段重新尝试。
problem-disk-full = 磁盘已满，请腾出空间后重试。
problem-port-in-use = 端口 { $port } 正被其他程序使用。请关闭该程序，或换一个端口。
problem-keyring-missing = 系统没有密钥环，密钥改为保存在用口令加密的文件中。
problem-settings-not-saved = 设置未能保存，仅在关闭 Runnel 前有效。请检查磁盘。
problem-busy = Runnel 正忙，请稍后再试。
problem-unexpected = 发生了意外情况，请重试；详情见日志。

next-retry = 重试
next-choose-picture = 选择画面
next-choose-sound = 选择声音
next-choose-file = 选择文件
next-size = 选择较小的尺寸
next-bitrate = 调低码率
next-encoder = 选择编码器
next-output = 选择输出设备
next-sign-in = 登录
next-address = 修改地址

notice-joined = 已连接到“{ $name }”
notice-reconnected = “{ $name }”已恢复连接
notice-followed-live = { $name } 开播了
notice-keys-exported = 密钥已导出到 { $path }
notice-key-revoked = 这台电脑已换用新密钥
notice-saved = 已保存到 { $path }
