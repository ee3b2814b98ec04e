-- Which index workers are alive, and which of them may write what. Times are milliseconds by the database's own clock, since
-- the workers' clocks may differ.

-- A worker that beats is alive. One that takes all shares with nobody: the newest such one holds everything.
create table workers (
    worker_id text not null primary key,
    host text not null,
    takes_all boolean not null,
    started_at_ms bigint not null,
    seen_at_ms bigint not null
);

-- `name` is "pool:ID" or "task:NAME". Nobody holds it while `worker_id` is null or is that of a worker that went silent.
-- `token` grows each time it changes hands: whoever writes under an older one is refused.
create table leases (
    name text not null primary key,
    worker_id text,
    token bigint not null,
    since_ms bigint
);
create index leases_by_worker on leases (worker_id, name);

-- Before which instant an account's hours in a campaign were rolled up into days; never taken back.
create table rolled_up (
    campaign_id text not null primary key,
    before_at bigint not null
);
