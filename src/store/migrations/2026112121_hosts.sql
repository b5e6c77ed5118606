-- How servers are reached over SSH, and what the last look at each found. The key a host proves itself with is pinned
-- here, so that every machine that works with the store refuses another one; of the operator's key only the path is kept.
-- `local` has no row in the first table: it is this machine.
create table server_access (
    server_id text primary key not null references server (id) on delete cascade,
    destination text not null,
    key_path text,
    host_key text not null,
    rootless boolean not null,
    created_at bigint not null,
    updated_at bigint not null
);

create table server_check (
    server_id text primary key not null references server (id) on delete cascade,
    checked_at bigint not null,
    failures bigint not null,
    problem text,
    facts text,
    created_at bigint not null,
    updated_at bigint not null
);
