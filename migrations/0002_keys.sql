-- Who may ask, and with which keys. A key itself is never stored, only its MAC under a pepper that is not here.

create table clients (
    client_id text not null primary key,
    name text not null unique,
    plan text not null,
    created_at bigint not null
);

create table api_keys (
    id text not null primary key,
    client_id text not null references clients (client_id),
    env text not null,
    secret_mac text not null,
    pepper_version bigint not null,
    scopes text not null,
    created_at bigint not null,
    expires_at bigint,
    state text not null,
    overlap_ends_at bigint,
    revoked_at bigint,
    replaces_id text,
    replaced_by_id text,
    generation bigint not null,
    last_used_at bigint,
    note text not null,
    allowed_networks text not null
);
create index api_keys_by_client on api_keys (client_id, created_at, id);
