-- Where each project lives, and how much of its server it may take. Written in the transaction that chose the place, so that
-- two projects never get the same room. Projects from before this table live where their ports are.
create table placement (
    project_id text primary key not null references project (id) on delete cascade,
    server_id text not null references server (id),
    memory_mb bigint not null,
    disk_mb bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);

create index placement_server on placement (server_id);

insert into placement (project_id, server_id, memory_mb, disk_mb, created_at, updated_at)
select project_id, min(server_id), 256, 1024, min(created_at), min(created_at) from port_reservation group by project_id;
