-- Releases and their way onto a server. One release of a project is active on a server, whoever races for it.
create table deployment (
    release text primary key not null,
    project_id text not null references project (id) on delete cascade,
    server_id text not null references server (id),
    run_id text not null references run (id),
    commit_sha text not null,
    slot text not null,
    status text not null,
    reason text,
    created_at bigint not null,
    updated_at bigint not null
);

create index deployment_project on deployment (project_id);

create unique index deployment_active on deployment (project_id, server_id) where status = 'active';
