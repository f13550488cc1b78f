## What went wrong, and what to do. Next steps are buttons: `next-…`.

problem-server-unreachable = { $address } doesn’t answer. Check the address and your connection; Runnel keeps trying.
problem-address-invalid = “{ $address }” is not an address. It looks like live.example.org.
problem-app-too-old = This community needs a newer Runnel. Update it, then connect again.
problem-sign-in-refused = Name or password is not right. Try again.
problem-name-taken = Someone has this name already. Choose another.
problem-not-allowed = The community doesn’t allow this. Ask the people who run it.
problem-not-live = This channel is not live any more.
problem-taken-down = The community took the broadcast down. Ask the people who run it why.
problem-camera-busy = The camera is used by another program. Close it there, or choose another camera.
problem-camera-lost = The camera is gone. Plug it in again, or choose another picture; viewers see a still until then.
problem-microphone-lost = The microphone is gone. Plug it in again, or choose another sound; viewers hear silence until then.
problem-permission-refused = The system doesn’t let Runnel use the device. Allow it in the system’s settings, then try again.
problem-screen-lost = The screen or window can’t be shown. Choose it again, or choose another picture.
problem-file-unreadable = “{ $name }” can’t be played. Choose another file.
problem-output-lost = There is no sound output. Plug one in, or choose one in Settings.
problem-encoder-slow = This computer is busy: viewers get { $height }p at { $fps } fps instead. Close other programs, or choose a smaller size.
problem-encoder-failed = No encoder works here. Choose another one in Settings.
problem-upload-slow = Your upload is too slow for the data rate. Choose a lower one.
problem-upload-lost = The server can’t be reached. Your broadcast is kept and goes on by itself.
problem-decoder-failed = The picture can’t be shown. It is tried again with the next part.
problem-disk-full = The disk is full. Make room, then try again.
problem-port-in-use = Another program uses port { $port }. Close it, or choose another port.
problem-keyring-missing = The system has no keyring. Your keys are kept in a file under a passphrase instead.
problem-settings-not-saved = Settings could not be saved. They hold until Runnel closes; check the disk.
problem-busy = Runnel is busy. Try again in a moment.
problem-unexpected = Something unexpected happened. Try again; the log has the details.

next-retry = Try again
next-choose-picture = Choose a picture
next-choose-sound = Choose a sound
next-choose-file = Choose a file
next-size = Choose a smaller size
next-bitrate = Lower the data rate
next-encoder = Choose an encoder
next-output = Choose an output
next-sign-in = Sign in
next-address = Change the address

notice-joined = Connected to { $name }
notice-reconnected = { $name } answers again
notice-followed-live = { $name } is live
notice-keys-exported = Keys exported to { $path }
notice-key-revoked = This computer has a new key
notice-saved = Saved to { $path }
