-- Rotation of keys, who uses what, limits, and what is told to whom. Times are Unix seconds unless the name ends in _ms.

-- Money is in micro-dollars. A wallet is a lower-case address that signed in by itself.
alter table clients add column spend_cap_microusd bigint;
alter table clients add column pays_in_tmai boolean not null default false;
alter table clients add column stake_tier text not null default '';
alter table clients add column wallet text;
alter table clients add column epoch bigint not null default 0;
create unique index clients_by_wallet on clients (wallet);

-- `epoch` is the change that wrote the row last: a reader takes a row only when it is newer than what it holds.
alter table api_keys add column first_used_at bigint;
alter table api_keys add column brownout_at bigint;
alter table api_keys add column brownout_ends_at bigint;
alter table api_keys add column last_used_network text;
alter table api_keys add column last_used_agent text;
alter table api_keys add column noticed_percent bigint not null default 0;
alter table api_keys add column epoch bigint not null default 0;
create index api_keys_by_epoch on api_keys (epoch);

-- One row an exchange of an old key for a new one. `noticed_percent` is the last reminder that went out.
create table rotations (
    rotation_id text not null primary key,
    client_id text not null references clients (client_id),
    env text not null,
    old_key_id text not null references api_keys (id),
    new_key_id text not null references api_keys (id),
    kind text not null,
    stage text not null,
    created_at bigint not null,
    started_at bigint,
    ends_at bigint,
    closed_at bigint,
    auto_finish boolean not null,
    quiet_seconds bigint not null,
    is_drained boolean not null,
    noticed_percent bigint not null,
    epoch bigint not null
);
create index rotations_by_client on rotations (client_id, created_at);
create index rotations_by_stage on rotations (stage);

-- One row; every change to keys or clients takes the next number in its own transaction, so that they are in one order.
create table auth_epoch (
    one bigint not null primary key,
    epoch bigint not null
);
insert into auth_epoch (one, epoch) values (1, 0);

-- When each change was made, and when the last replica had taken it in.
create table key_changes (
    epoch bigint not null primary key,
    made_at_ms bigint not null,
    everywhere_at_ms bigint
);

-- The servers that run, and up to which change each of them has read. `usage_batch` is the last batch of counts that
-- was added, so that a batch whose answer was lost is not added twice.
create table replicas (
    replica_id text not null primary key,
    epoch bigint not null,
    started_at bigint not null,
    seen_at_ms bigint not null,
    usage_batch bigint not null
);

-- What was done, each row bound to the one before it.
create table audit (
    seq bigint not null primary key,
    at bigint not null,
    actor text not null,
    action text not null,
    client_id text,
    key_id text,
    before_json text not null,
    after_json text not null,
    reason text not null,
    request_id text not null,
    prev_hash text not null,
    hash text not null
);

-- Answers to changes that may be asked for twice. The secret is never in `body`.
create table idempotency (
    actor text not null,
    idempotency_key text not null,
    request_hash text not null,
    created_at bigint not null,
    body text not null,
    primary key (actor, idempotency_key)
);

-- Calls by key. Minutes are kept for two days, hours for ever.
create table usage_minutes (
    key_id text not null,
    at bigint not null,
    calls bigint not null,
    primary key (key_id, at)
);
create table usage_hours (
    key_id text not null,
    at bigint not null,
    endpoint text not null,
    status bigint not null,
    client_id text not null,
    calls bigint not null,
    counted bigint not null,
    primary key (key_id, at, endpoint, status)
);
create index usage_hours_by_client on usage_hours (client_id, at);

-- Whence a key is used: network is a /24 or a /48.
create table key_callers (
    key_id text not null,
    network text not null,
    agent text not null,
    endpoint text not null,
    first_at bigint not null,
    last_at bigint not null,
    calls bigint not null,
    primary key (key_id, network, agent, endpoint)
);

-- Refused calls by hour; `key_id` is empty where none was known.
create table auth_failures (
    at bigint not null,
    reason text not null,
    key_id text not null,
    calls bigint not null,
    primary key (at, reason, key_id)
);

-- Calls of a calendar month that replicas have reserved for a client, out of its plan.
create table month_quota (
    client_id text not null,
    month_at bigint not null,
    reserved bigint not null,
    noticed_percent bigint not null,
    primary key (client_id, month_at)
);

-- How much of a client's minute each replica may serve: never more than the plan's in sum. The row without a replica has
-- none; its lock is the client's.
create table minute_slots (
    client_id text not null,
    replica_id text not null,
    slots bigint not null,
    taken_at_ms bigint not null,
    primary key (client_id, replica_id)
);

-- Who is told of what, and what is still to be told. No signing secret is stored: it is made from the pepper, the
-- webhook's name and the generation. While a secret rotates, the generation before lives until `previous_ends_at`.
-- `version` counts changes, so that two who edit at once notice. A delivery may outlive its webhook for a while: one that
-- is deleted while notices are handed out leaves nothing that could be sent.
create table webhooks (
    webhook_id text not null primary key,
    client_id text not null references clients (client_id),
    url text not null,
    events text not null,
    state text not null,
    created_at bigint not null,
    secret_generation bigint not null,
    pepper_version bigint not null,
    previous_ends_at bigint,
    previous_pepper_version bigint,
    is_operator boolean not null,
    note text not null,
    version bigint not null
);
create index webhooks_by_client on webhooks (client_id, created_at);
create table notices (
    notice_id text not null primary key,
    kind text not null,
    client_id text,
    at bigint not null,
    body text not null,
    is_fanned_out boolean not null
);
create index notices_to_fan_out on notices (is_fanned_out, at);
create table deliveries (
    notice_id text not null references notices (notice_id),
    webhook_id text not null,
    state text not null,
    attempts bigint not null,
    next_at bigint not null,
    last_at bigint,
    last_status bigint,
    last_error text,
    primary key (notice_id, webhook_id)
);
create index deliveries_by_time on deliveries (state, next_at);
create index deliveries_by_webhook on deliveries (webhook_id, next_at);

-- What was last seen of a thing, so that a change of it is noticed once, by whichever server.
create table watched (
    subject text not null primary key,
    value bigint not null
);

-- Numbers that a wallet signs to show that it is there, each good for once.
create table sign_in_nonces (
    nonce text not null primary key,
    issued_at bigint not null,
    used_at bigint
);

-- Wallets that are being given a key at this moment, so that two requests at once do not make two.
create table sign_in_wallets (
    wallet text not null primary key,
    busy_until bigint not null
);
