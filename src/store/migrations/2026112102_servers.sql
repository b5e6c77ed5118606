-- Machines projects are placed on, and the ports reserved there. A port belongs to one project on a server, and a
-- service has one port for each purpose: both rules are kept here, because read-then-insert loses races.
create table server (
    id text primary key not null,
    handle text not null unique,
    address text not null,
    status text not null,
    created_at bigint not null,
    updated_at bigint not null
);

-- A reservation never changes, so it has no updated_at.
create table port_reservation (
    server_id text not null references server (id),
    port bigint not null,
    project_id text not null references project (id) on delete cascade,
    service text not null,
    purpose text not null,
    created_at bigint not null,
    primary key (server_id, port),
    unique (project_id, server_id, service, purpose)
);
