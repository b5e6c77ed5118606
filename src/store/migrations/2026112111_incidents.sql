-- What broke. One cause has one open incident, whoever reports it and however often: a second report counts up.
create table incident (
    id text primary key not null,
    cause text not null,
    kind text not null,
    project_id text references project (id) on delete cascade,
    server_id text references server (id),
    service text,
    title text not null,
    details text not null,
    status text not null,
    reports bigint not null,
    run_id text references run (id),
    resolution text,
    created_at bigint not null,
    updated_at bigint not null
);

create unique index incident_open on incident (cause) where status = 'open';
