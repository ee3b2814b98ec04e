-- What was learnt from the chain. One text for SQLite and PostgreSQL: bigint, text and boolean only,
-- natural keys, hashes and addresses as lower-case 0x text, times as Unix seconds.

-- What the node said last.
create table chain (
    chain_id bigint not null primary key,
    latest_number bigint not null,
    latest_hash text not null,
    latest_at bigint not null,
    safe_number bigint,
    finalized_number bigint,
    seen_at bigint not null
);

-- What is followed, under the name that the configuration gives it. The tokens are null until the pool was asked.
create table pools (
    pool_id text not null primary key,
    chain_id bigint not null,
    venue text not null,
    address text not null,
    position_manager text,
    created_block bigint not null,
    token0 text,
    token1 text
);

-- What tokens say of themselves; null where a contract does not answer, or answers nonsense.
create table tokens (
    chain_id bigint not null,
    address text not null,
    symbol text,
    decimals bigint,
    primary key (chain_id, address)
);

-- How far each pool is stored. `rewinds` grows when the chain changes its mind, so that readers notice.
create table checkpoints (
    pool_id text not null primary key references pools (pool_id),
    block_number bigint not null,
    block_hash text not null,
    block_at bigint not null,
    rewinds bigint not null
);

-- Headers that were seen. There are gaps: only blocks with an event or an end of a range are needed.
create table blocks (
    chain_id bigint not null,
    block_number bigint not null,
    block_hash text not null,
    parent_hash text not null,
    block_at bigint not null,
    primary key (chain_id, block_number)
);
create index blocks_by_time on blocks (chain_id, block_at, block_number);

-- The truth: everything else about a pool is computed from these rows. No foreign key, since millions of
-- rows come in at once; the checkpoint, which is written in the same transaction, has it.
create table events (
    pool_id text not null,
    block_number bigint not null,
    log_index bigint not null,
    block_at bigint not null,
    kind text not null,
    body text not null,
    primary key (pool_id, block_number, log_index)
);

-- Derived state, to start from without folding everything again. May be deleted at any time.
create table snapshots (
    pool_id text not null,
    fingerprint text not null,
    block_number bigint not null,
    state text not null,
    primary key (pool_id, fingerprint, block_number)
);
