-- What the service was like, for 90 days. Times are Unix seconds.

-- One row: up to when all time is accounted for, so that of several servers one accounts for each stretch of it; and when
-- that began.
create table status_clock (
    one bigint not null primary key,
    since_at bigint not null,
    told_to bigint not null
);

-- One row a component and hour: how many of its seconds each state held. What is missing to 3,600 was not looked at.
create table status_hours (
    component text not null,
    at bigint not null,
    operational_seconds bigint not null,
    degraded_seconds bigint not null,
    down_seconds bigint not null,
    primary key (component, at)
);

-- When a component was not well, and why. One is open at most: `ended_at` is null while it lasts.
create table status_incidents (
    component text not null,
    began_at bigint not null,
    ended_at bigint,
    state text not null,
    reason text not null,
    primary key (component, began_at)
);
create index status_incidents_by_end on status_incidents (ended_at);
