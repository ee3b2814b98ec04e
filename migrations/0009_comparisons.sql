-- What Merkl answered, and our figures against it. Merkl keeps no history; this is ours.

-- One reading of a source for a campaign: its answers, in the order in which they were asked for. A reading that broke off
-- has no `finished_at` and is gone on with. `campaign_id` is the configuration's.
create table readings (
    reading_id text not null primary key,
    campaign_id text not null,
    source text not null,
    started_at bigint not null,
    finished_at bigint
);
create index readings_by_campaign on readings (campaign_id, started_at);

-- Each answer as it came, with its time.
create table answers (
    reading_id text not null references readings (reading_id),
    path text not null,
    at bigint not null,
    status bigint not null,
    body text not null,
    primary key (reading_id, path)
);

-- Sums and findings; `body` is the whole comparison but its rows, as JSON.
create table comparisons (
    comparison_id text not null primary key,
    campaign_id text not null,
    reading_id text references readings (reading_id),
    source text not null,
    at bigint not null,
    computed_until bigint not null,
    expected_units text not null,
    paid_units text not null,
    ours_units text not null,
    difference_units text not null,
    difference_ppm bigint not null,
    tolerance_ppm bigint not null,
    is_beyond boolean not null,
    body text not null
);
create index comparisons_by_campaign on comparisons (campaign_id, at);

-- An account each, the largest difference first; `amount_units` is what it has in their root.
create table comparison_rows (
    comparison_id text not null references comparisons (comparison_id),
    place bigint not null,
    account text not null,
    amount_units text not null,
    difference_units text not null,
    reason text,
    body text not null,
    primary key (comparison_id, place)
);
