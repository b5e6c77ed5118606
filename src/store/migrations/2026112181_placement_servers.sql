-- A project lives on one server or on several; each says since when a release of it serves there.
drop index placement_server;

alter table placement rename to placement_of_one;

create table placement (
    project_id text not null references project (id) on delete cascade,
    server_id text not null references server (id),
    memory_mb bigint not null,
    disk_mb bigint not null,
    serves_since bigint,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (project_id, server_id)
);

insert into placement (project_id, server_id, memory_mb, disk_mb, serves_since, created_at, updated_at)
select project_id, server_id, memory_mb, disk_mb,
    (select min(updated_at) from deployment where deployment.project_id = placement_of_one.project_id
        and deployment.server_id = placement_of_one.server_id and deployment.status = 'active'),
    created_at, updated_at
from placement_of_one;

drop table placement_of_one;

create index placement_server on placement (server_id);
