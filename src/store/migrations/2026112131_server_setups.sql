-- Attempts to set up a server. They are counted where they begin, so that two processes cannot both take the last one,
-- and the id of the newest tells a late end of an older one, which then changes nothing.
create table server_setup (
    server_id text primary key not null references server (id) on delete cascade,
    setup_id text not null,
    attempts bigint not null,
    ended boolean not null,
    problem text,
    created_at bigint not null,
    updated_at bigint not null
);
