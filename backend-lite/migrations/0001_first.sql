-- Every table says how long it keeps what. Times are seconds since 1970 unless a name says otherwise.

-- Kept until the account is removed. Guests have no password; they go a day after their last session expired.
CREATE TABLE accounts (
    id        INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL,
    name_key  TEXT    NOT NULL UNIQUE, -- the name folded, so that look-alikes collide
    role      TEXT    NOT NULL CHECK (role IN ('guest', 'user', 'moderator', 'admin')),
    password  TEXT,                    -- argon2id in PHC form
    created   INTEGER NOT NULL
) STRICT;

-- Kept until they expire or the user signs out. Only the hash of a token is stored.
CREATE TABLE sessions (
    hash      BLOB    PRIMARY KEY,
    account   INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_account ON sessions (account);
CREATE INDEX sessions_by_expiry ON sessions (expires);

-- Kept until they run out or are lifted; for good if there is no end.
CREATE TABLE bans (
    account   INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    until     INTEGER,
    reason    TEXT    NOT NULL,
    banned_by INTEGER NOT NULL,
    created   INTEGER NOT NULL
) STRICT;

-- Kept until the owner's account is removed.
CREATE TABLE channels (
    id        BLOB    PRIMARY KEY,
    name      TEXT    NOT NULL,
    name_key  TEXT    NOT NULL UNIQUE,
    title     TEXT    NOT NULL,
    owner     INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX channels_by_owner ON channels (owner);

-- Kept as long as the channel: a revoked key stays, so that it is never accepted again.
CREATE TABLE channel_keys (
    channel   BLOB    NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    key       BLOB    NOT NULL,
    added     INTEGER NOT NULL,
    revoked   INTEGER,
    PRIMARY KEY (channel, key)
) STRICT, WITHOUT ROWID;

-- Kept as long as the channel: titles and times of past broadcasts. Their chunks go by the retention settings.
CREATE TABLE broadcasts (
    id           BLOB    PRIMARY KEY,
    channel      BLOB    NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    title        TEXT    NOT NULL,
    category     TEXT    NOT NULL,
    language     TEXT    NOT NULL,
    visibility   TEXT    NOT NULL CHECK (visibility IN ('public', 'unlisted', 'members')),
    mature       INTEGER NOT NULL,
    allow_replay INTEGER NOT NULL,
    allow_clips  INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('waiting', 'live', 'stopped', 'ended', 'taken_down')),
    started      INTEGER NOT NULL,
    ended        INTEGER
) STRICT, WITHOUT ROWID;
-- A channel shows one broadcast at a time.
CREATE UNIQUE INDEX one_open_broadcast ON broadcasts (channel) WHERE state IN ('waiting', 'live', 'stopped');
CREATE INDEX broadcasts_by_end ON broadcasts (ended);

-- Kept as long as the broadcast: numbers must never repeat.
CREATE TABLE epochs (
    epoch     INTEGER PRIMARY KEY,
    broadcast BLOB    NOT NULL REFERENCES broadcasts (id) ON DELETE CASCADE,
    fence     INTEGER NOT NULL,
    created   INTEGER NOT NULL
) STRICT;
CREATE INDEX epochs_by_broadcast ON epochs (broadcast);

-- Kept as long as the epoch's chunks.
CREATE TABLE manifests (
    epoch     INTEGER NOT NULL REFERENCES epochs (epoch) ON DELETE CASCADE,
    version   INTEGER NOT NULL,
    bytes     BLOB    NOT NULL,
    PRIMARY KEY (epoch, version)
) STRICT, WITHOUT ROWID;

-- Kept for retention.message_seconds.
CREATE TABLE messages (
    id          INTEGER PRIMARY KEY, -- grows with time
    channel     BLOB    NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    author      INTEGER NOT NULL,
    author_name TEXT    NOT NULL,
    text        TEXT    NOT NULL,
    at_millis   INTEGER NOT NULL,
    deleted_by  INTEGER
) STRICT;
CREATE INDEX messages_by_channel ON messages (channel, id);

-- Kept until they run out or are lifted; for good if there is no end.
CREATE TABLE mutes (
    channel   BLOB    NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    account   INTEGER NOT NULL,
    until     INTEGER,
    reason    TEXT    NOT NULL,
    muted_by  INTEGER NOT NULL,
    created   INTEGER NOT NULL,
    PRIMARY KEY (channel, account)
) STRICT, WITHOUT ROWID;

-- Kept for good: what was taken down stays down.
CREATE TABLE revocations (
    broadcast BLOB    PRIMARY KEY,
    bytes     BLOB    NOT NULL,
    revoked_by INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    created   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
