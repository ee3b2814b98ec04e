-- Before which instant a pool's hours, and those of its campaigns, were rolled up into days; never taken back.
create table rolled_up_pools (
    pool_id text not null primary key,
    before_at bigint not null
);
