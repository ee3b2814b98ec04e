-- What an account had earned at the full hours of a day, from the hour after midnight to the next midnight, `day_at`: hours are
-- noted in `body` one after another, as HOUR EARNED STAKE with semicolons between. They are made again from the events.
drop table account_points;
-- Until then no pool's hours count as whole: whoever asks is told so, and is not told of accounts that earned nothing.
delete from series;
create table account_days (
    campaign_id text not null,
    account text not null,
    day_at bigint not null,
    last_at bigint not null,
    hours bigint not null,
    body text not null,
    primary key (campaign_id, account, day_at)
);
