-- What Merkl's Distributor told in its logs: which trees it was given, what became of them, and what was claimed.

-- Which one is read, from which block and for which reward tokens (addresses with commas between, rising), and how far; the
-- block is null before the first. `rewinds` grows when the chain changes its mind.
create table distributors (
    chain_id bigint not null primary key,
    address text not null,
    first_block bigint not null,
    tokens text not null,
    block_number bigint,
    block_hash text,
    block_at bigint,
    rewinds bigint not null
);

-- Logs that may change the root that counts. `body` is JSON.
create table distributor_trees (
    chain_id bigint not null,
    block_number bigint not null,
    log_index bigint not null,
    block_at bigint not null,
    kind text not null,
    body text not null,
    primary key (chain_id, block_number, log_index)
);

-- Claims of the reward tokens: what was sent with each, not in all.
create table distributor_claims (
    chain_id bigint not null,
    account text not null,
    token text not null,
    block_number bigint not null,
    log_index bigint not null,
    block_at bigint not null,
    amount_units text not null,
    primary key (chain_id, account, token, block_number, log_index)
);
create index distributor_claims_by_block on distributor_claims (chain_id, block_number);

-- What came of holding each pool against its contracts last: at which block, when by our own clock, how many values were
-- compared and differed, and the first that did.
create table verifications (
    pool_id text not null primary key,
    block_number bigint not null,
    verified_at bigint not null,
    compared bigint not null,
    differences bigint not null,
    first_difference text
);
